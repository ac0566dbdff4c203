package cli

// groups are all commands in the order of --help. The list is the parts list of the command line.
func (a *app) groups() []group {
	return []group{
		{"controllers", "Controllers:", a.controllerCommands()},
		{"models", "Models:", a.modelCommands()},
		{"applications", "Applications:", append(a.applicationCommands(), a.authorCommands()...)},
		{"storage", "Storage:", a.storageCommands()},
		{"secrets", "Secrets:", a.secretCommands()},
		{"day2", "Operations:", a.operationCommands()},
		{"look", "Looking:", a.lookCommands()},
	}
}
