package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/penstock/penstock/examples/quickstart/platform"
	"github.com/penstock/penstock/pipeline"
)

// openExisting is open, but of a directory where something was delivered.
func openExisting(ctx context.Context, dir string) (*desk, error) {
	if err := delivered(dir); err != nil {
		return nil, err
	}
	return open(ctx, dir)
}

// delivered returns an error if nothing was delivered in a directory yet.
func delivered(dir string) error {
	_, err := os.Stat(filepath.Join(dir, journalDir))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("nothing was delivered in %q yet", dir)
	}
	return err
}

// status prints what is live and how each delivery stands.
func status(ctx context.Context, o options) error {
	d, err := openExisting(ctx, o.dir)
	if err != nil {
		return err
	}
	defer d.close()
	st, err := d.platform.Now(ctx)
	if errors.Is(err, platform.ErrAway) {
		fmt.Println("nothing is live: the platform is not running; a delivery starts it again")
	} else if err != nil {
		return err
	}
	for _, env := range []string{staging.Name, production.Name} {
		for _, p := range st.Environments[env].Processes {
			fmt.Printf("%-10s %s  %3d%%  %s  PID %d  %d requests, %d failed\n",
				env, p.Version, p.Percent, st.Environments[env].URL, p.PID, p.Stats.AllTime, p.Stats.AllFailed)
		}
	}
	runs, err := d.Runs(ctx, pipeline.Query{})
	if err != nil {
		return err
	}
	for _, run := range runs {
		if err := d.describe(ctx, run, o.by); err != nil {
			return err
		}
	}
	return nil
}

// describe prints how a run stands and, if it has not ended, what it waits for.
func (d *desk) describe(ctx context.Context, run pipeline.Run, person string) error {
	fmt.Printf("%-10s %s  %s\n", run.ID, run.Status, run.Reason)
	if !run.Ended.IsZero() {
		return nil
	}
	waits, err := d.Explain(ctx, run.ID, person, releaseManagers)
	for _, w := range waits {
		fmt.Printf("           %s waits for %s: %s", w.Step, w.For, w.Reason)
		if len(w.Who) > 0 {
			fmt.Printf(" (%s)", strings.Join(w.Who, ", "))
		}
		if w.Cannot != nil {
			fmt.Printf("; %s may not: %v", person, w.Cannot)
		}
		fmt.Println()
	}
	return err
}
