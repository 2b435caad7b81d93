package lambda

import "syscall"

// processAttributes puts a process into a group of its own, so that Ctrl-C at
// the terminal reaches it through Close and not before. Darwin has no
// parent-death signal: when this process is killed, a function ends as soon as
// it next speaks to the Runtime API, which aws-lambda-go does at once when idle.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
