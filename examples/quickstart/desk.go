package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/penstock/penstock/artifact/file"
	"github.com/penstock/penstock/examples/quickstart/platform"
	"github.com/penstock/penstock/pipeline"
	"github.com/penstock/penstock/pipeline/journal/sqlite"
)

// A desk is all that the commands work with.
type desk struct {
	*pipeline.Executor
	platform platform.Client
	opened   []io.Closer
}

// What a directory holds.
const (
	artifactsDir = "artifacts" // an OCI image layout
	platformDir  = "platform"
	journalDir   = "journal" // with a database and what belongs to it
	journalFile  = "journal.db"
	logFile      = "quickstart.log"
)

// open returns the desk of a directory, which it makes if need be.
func open(ctx context.Context, dir string) (_ *desk, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	d := &desk{}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	log, err := os.OpenFile(filepath.Join(dir, logFile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	d.opened = append(d.opened, log)
	artifacts, err := file.Open(ctx, filepath.Join(dir, artifactsDir))
	if err != nil {
		return nil, err
	}
	d.opened = append(d.opened, artifacts)
	if err := os.MkdirAll(filepath.Join(dir, journalDir), 0o700); err != nil {
		return nil, err
	}
	journal, err := sqlite.Open(ctx, filepath.Join(dir, journalDir, journalFile))
	if err != nil {
		return nil, err
	}
	d.opened = append(d.opened, journal)
	if d.platform, err = client(dir); err != nil {
		return nil, err
	}
	d.Executor = &pipeline.Executor{
		Pipelines: []pipeline.Pipeline{delivery(artifacts, d.platform)},
		Store:     journal,
		Log:       slog.New(slog.NewTextHandler(log, nil)),
	}
	return d, nil
}

// close closes what was opened, the last first.
func (d *desk) close() error {
	var errs []error
	for _, c := range slices.Backward(d.opened) {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// client returns a client that starts the platform with this program.
func client(dir string) (platform.Client, error) {
	self, err := os.Executable()
	return platform.Client{
		Dir:     filepath.Join(dir, platformDir),
		Command: []string{self, "platform", "-dir", dir},
	}, err
}

// servePlatform is the platform: see [platform.Serve].
func servePlatform(ctx context.Context, o options) error {
	artifacts, err := file.Open(ctx, filepath.Join(o.dir, artifactsDir))
	if err != nil {
		return err
	}
	defer artifacts.Close()
	const idle = 15 * time.Minute
	return platform.Serve(ctx, filepath.Join(o.dir, platformDir), artifacts, idle)
}

// unfinished returns the oldest run that is under way, or false.
func (d *desk) unfinished(ctx context.Context) (pipeline.Run, bool, error) {
	runs, err := d.Runs(ctx, pipeline.Query{Open: true})
	if err != nil || len(runs) == 0 {
		return pipeline.Run{}, false, err
	}
	return runs[len(runs)-1], true, nil
}

// next starts the delivery of a new version and returns the run. The version is
// also its key, so two who start the same at once start one. If production is
// empty it is the first version, which is not to be broken.
func (d *desk) next(ctx context.Context, breaks bool) (pipeline.Run, error) {
	runs, err := d.Runs(ctx, pipeline.Query{Limit: 1})
	if err != nil {
		return pipeline.Run{}, err
	}
	n := 0
	if len(runs) > 0 {
		fmt.Sscanf(runs[0].ID, "v%d", &n)
	}
	env, err := d.Environment(ctx, production.Name)
	if err != nil {
		return pipeline.Run{}, err
	}
	v := fmt.Sprintf("v%d", n+1)
	params := map[string]string{version: v}
	switch {
	case len(env.Live) == 0:
		params[first] = "yes"
	case breaks:
		params[broken] = "yes"
	}
	id, err := d.Start(ctx, shop, pipeline.Trigger{
		Key:       v,
		Actor:     "quickstart",
		ActorKind: pipeline.Bot,
		Authors:   []string{"gopher"},
		Params:    params,
	})
	if err != nil {
		return pipeline.Run{}, err
	}
	return d.Run(ctx, id)
}

// stop ends the platform.
func stop(ctx context.Context, o options) error {
	return platform.Client{Dir: filepath.Join(o.dir, platformDir)}.Stop(ctx)
}

// reset ends the platform and removes what the commands have made in the
// directory, and the directory if there is nothing else.
func reset(ctx context.Context, o options) error {
	if err := stop(ctx, o); err != nil {
		return err
	}
	var errs []error
	for _, name := range []string{artifactsDir, journalDir, platformDir, logFile} {
		errs = append(errs, os.RemoveAll(filepath.Join(o.dir, name)))
	}
	if left, err := os.Open(o.dir); err == nil {
		_, empty := left.Readdirnames(1)
		left.Close()
		if empty == io.EOF {
			errs = append(errs, os.Remove(o.dir))
		}
	}
	return errors.Join(errs...)
}
