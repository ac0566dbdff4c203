package daemon

import (
	"context"
	"os"
	"time"
)

// shutdown stops everything in order: checks, services, requests.
func (d *daemon) shutdown() {
	d.cfg.Log.Info("stopping")
	d.services.RefuseStarts()
	d.checks.Close()
	spec, longest, err := d.services.StopAll()
	if err != nil {
		d.cfg.Log.Error("cannot stop services", "error", err)
	} else if len(spec.Tasks) > 0 {
		c := d.changes.Add(spec)
		select {
		case <-c.Ready():
		case <-time.After(longest):
			d.cfg.Log.Warn("services did not stop in time")
		}
	}
	close(d.closing)
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := d.server.Shutdown(ctx); err != nil {
		_ = d.server.Close()
	}
	d.changes.Close()
	d.commands.Close()
	d.forward.Close()
	d.wg.Wait()
	_ = os.Remove(d.cfg.Socket) // the listener has usually done so
	if d.cfg.PIDFile != "" {
		_ = os.Remove(d.cfg.PIDFile)
	}
}

// close releases what build made, also when it failed half-way.
func (d *daemon) close() {
	if d.keeper != nil {
		d.keeper.Close()
	}
	if d.tree != nil {
		_ = d.tree.Close()
	}
	if d.reaper != nil {
		d.reaper.Close()
	}
}
