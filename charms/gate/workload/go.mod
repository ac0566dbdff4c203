module github.com/bangle-dev/bangle/charms/gate/workload

go 1.26.0
