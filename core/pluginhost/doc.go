// Package pluginhost finds plugins, checks that they are the ones somebody
// trusted, starts them and ends them.
//
// A plugin is a file named KIND-NAME (substrate-local, unit-kubernetes,
// runtime-python) in one of three directories: plugins beside the running
// program, $BANGLE_HOME/plugins and /usr/lib/bangle/plugins. The first that has
// it wins. What may run is written in plugins.lock beside the directory, never in
// it: whoever can put a file there could put its sum there too.
//
// No plugin outlives its host. Three lines hold that: a pipe that the plugin
// watches, SIGKILL by the kernel when the host's starting thread ends (the
// thread lives as long as the Host), and a process group that is killed whole
// when the plugin ends.
package pluginhost
