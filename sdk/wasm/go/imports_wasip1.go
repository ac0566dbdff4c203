//go:build wasip1

package charm

import "unsafe"

// enter is the shape of every import of the ABI.
type enter = func(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

// function is one import of the ABI.
type function struct {
	name  string
	enter enter
}

// firstAnswer is the room for an answer of ordinary size; a larger one is fetched in a second crossing.
const firstAnswer = 4096

// call makes the call and returns its answer.
func (f *function) call(request []byte) []byte {
	out := make([]byte, firstAnswer)
	n := f.enter(unsafe.Pointer(unsafe.SliceData(request)), uint32(len(request)), unsafe.Pointer(&out[0]), firstAnswer)
	if n < 0 {
		out = make([]byte, -n)
		n = answerTake(nil, 0, unsafe.Pointer(&out[0]), uint32(len(out)))
	}
	return out[:n]
}

//go:wasmimport charm/answer@1 take
func answerTake(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/log@1 log
func enterLog(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/status@1 set
func enterStatusSet(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/action@1 log
func enterActionLog(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/leader@1 is_leader
func enterIsLeader(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/bag@1 get
func enterBagGet(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/goal@1 get
func enterGoalGet(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/resource@1 get
func enterResourceGet(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/secret@1 get
func enterSecretGet(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/secret@1 info
func enterSecretInfo(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/secret@1 add
func enterSecretAdd(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/secret@1 set
func enterSecretSet(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/secret@1 grant
func enterSecretGrant(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/secret@1 revoke
func enterSecretRevoke(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/secret@1 remove
func enterSecretRemove(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/supervisor@1 request
func enterRequest(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/supervisor@1 exec
func enterExec(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/supervisor@1 push
func enterPush(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/supervisor@1 pull
func enterPull(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/http@1 request
func enterHttpRequest(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/kube@1 request
func enterKubeRequest(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/package@1 ensure
func enterPackageEnsure(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/package@1 remove
func enterPackageRemove(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/package@1 info
func enterPackageInfo(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/service@1 start
func enterServiceStart(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/service@1 stop
func enterServiceStop(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/service@1 restart
func enterServiceRestart(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/service@1 reload
func enterServiceReload(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/service@1 enable
func enterServiceEnable(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/service@1 disable
func enterServiceDisable(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

//go:wasmimport charm/service@1 status
func enterServiceStatus(request unsafe.Pointer, requestLen uint32, out unsafe.Pointer, outCap uint32) int32

var (
	logLog            = function{"charm/log@1.log", enterLog}
	statusSet         = function{"charm/status@1.set", enterStatusSet}
	actionLog         = function{"charm/action@1.log", enterActionLog}
	leaderIsLeader    = function{"charm/leader@1.is_leader", enterIsLeader}
	bagGet            = function{"charm/bag@1.get", enterBagGet}
	goalGet           = function{"charm/goal@1.get", enterGoalGet}
	resourceGet       = function{"charm/resource@1.get", enterResourceGet}
	secretGet         = function{"charm/secret@1.get", enterSecretGet}
	secretInfo        = function{"charm/secret@1.info", enterSecretInfo}
	secretAdd         = function{"charm/secret@1.add", enterSecretAdd}
	secretSet         = function{"charm/secret@1.set", enterSecretSet}
	secretGrant       = function{"charm/secret@1.grant", enterSecretGrant}
	secretRevoke      = function{"charm/secret@1.revoke", enterSecretRevoke}
	secretRemove      = function{"charm/secret@1.remove", enterSecretRemove}
	supervisorRequest = function{"charm/supervisor@1.request", enterRequest}
	supervisorExec    = function{"charm/supervisor@1.exec", enterExec}
	supervisorPush    = function{"charm/supervisor@1.push", enterPush}
	supervisorPull    = function{"charm/supervisor@1.pull", enterPull}
	httpRequest       = function{"charm/http@1.request", enterHttpRequest}
	kubeRequest       = function{"charm/kube@1.request", enterKubeRequest}
	packageEnsure     = function{"charm/package@1.ensure", enterPackageEnsure}
	packageRemove     = function{"charm/package@1.remove", enterPackageRemove}
	packageInfo       = function{"charm/package@1.info", enterPackageInfo}
	serviceStart      = function{"charm/service@1.start", enterServiceStart}
	serviceStop       = function{"charm/service@1.stop", enterServiceStop}
	serviceRestart    = function{"charm/service@1.restart", enterServiceRestart}
	serviceReload     = function{"charm/service@1.reload", enterServiceReload}
	serviceEnable     = function{"charm/service@1.enable", enterServiceEnable}
	serviceDisable    = function{"charm/service@1.disable", enterServiceDisable}
	serviceStatus     = function{"charm/service@1.status", enterServiceStatus}
)
