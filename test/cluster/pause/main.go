// Command pause is process 1 of a pod's sandbox and of a node: it holds the namespaces and reaps whatever is left to it.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for {
		// Reap first: a child may have ended before the handler was there, and one signal may stand for several.
		for {
			if pid, _ := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 {
				break
			}
		}
		if <-signals != syscall.SIGCHLD {
			return
		}
	}
}
