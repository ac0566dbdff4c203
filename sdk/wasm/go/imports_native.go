//go:build !wasip1

package charm

// function is one import of the ABI; natively the Host of Dispatch answers it.
type function struct{ name string }

// call is reached natively only without a Host.
func (f *function) call([]byte) []byte {
	return []byte(`{"error":{"class":"UNAVAILABLE","message":"cannot call ` + f.name + `: this charm runs without a host"}}`)
}

var (
	logLog            = function{"charm/log@1.log"}
	statusSet         = function{"charm/status@1.set"}
	actionLog         = function{"charm/action@1.log"}
	leaderIsLeader    = function{"charm/leader@1.is_leader"}
	bagGet            = function{"charm/bag@1.get"}
	goalGet           = function{"charm/goal@1.get"}
	resourceGet       = function{"charm/resource@1.get"}
	secretGet         = function{"charm/secret@1.get"}
	secretInfo        = function{"charm/secret@1.info"}
	secretAdd         = function{"charm/secret@1.add"}
	secretSet         = function{"charm/secret@1.set"}
	secretGrant       = function{"charm/secret@1.grant"}
	secretRevoke      = function{"charm/secret@1.revoke"}
	secretRemove      = function{"charm/secret@1.remove"}
	supervisorRequest = function{"charm/supervisor@1.request"}
	supervisorExec    = function{"charm/supervisor@1.exec"}
	supervisorPush    = function{"charm/supervisor@1.push"}
	supervisorPull    = function{"charm/supervisor@1.pull"}
	httpRequest       = function{"charm/http@1.request"}
	kubeRequest       = function{"charm/kube@1.request"}
	packageEnsure     = function{"charm/package@1.ensure"}
	packageRemove     = function{"charm/package@1.remove"}
	packageInfo       = function{"charm/package@1.info"}
	serviceStart      = function{"charm/service@1.start"}
	serviceStop       = function{"charm/service@1.stop"}
	serviceRestart    = function{"charm/service@1.restart"}
	serviceReload     = function{"charm/service@1.reload"}
	serviceEnable     = function{"charm/service@1.enable"}
	serviceDisable    = function{"charm/service@1.disable"}
	serviceStatus     = function{"charm/service@1.status"}
)

// Serve names the charm that this module exports. Natively it does nothing, so that tests can import the charm.
func Serve(c *Charm) *Charm { return c }
