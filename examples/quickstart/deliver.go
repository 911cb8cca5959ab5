package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/penstock/penstock/examples/quickstart/load"
	"github.com/penstock/penstock/examples/quickstart/platform"
	"github.com/penstock/penstock/examples/quickstart/screen"
	"github.com/penstock/penstock/pipeline"
)

// deliver takes the run that is under way to its end, or else a new one, while
// users send their requests.
func deliver(ctx context.Context, o options) error {
	d, err := open(ctx, o.dir)
	if err != nil {
		return err
	}
	defer d.close()
	s := &session{desk: d, options: o, screen: screen.New(os.Stdout), lines: terminalLines(os.Stdin)}
	s.screen.Print(fmt.Sprintf("PID %d in %s. Kill it at any time, with -9 if you like, and start it again.", os.Getpid(), o.dir))

	ctx, cancel := context.WithCancel(ctx)
	s.users = load.Users{URL: s.frontDoor, Paths: paths, Rate: 400, Header: platform.VersionHeader}
	var background sync.WaitGroup
	defer background.Wait()
	defer cancel()
	background.Go(func() { s.users.Run(ctx) })
	served := make(chan error, 1)
	background.Go(func() {
		served <- d.Serve(ctx)
		cancel()
	})
	err = s.deliverAll(ctx)
	if ctx.Err() == nil {
		return err
	}
	cancel()
	return errors.Join(<-served, errors.New("stopped in the middle; start it again to go on"))
}

// paths are what users ask for.
var paths = []string{"/price/lamp", "/price/chair?quantity=2", "/price/table", "/price/lamp?quantity=12"}

// A session shows deliveries to a person.
type session struct {
	*desk
	options
	screen *screen.Screen
	users  load.Users
	lines  <-chan string // typed by a person; nil if there is none
	asked  string        // the run for which people were asked
}

// frontDoor returns where users go. It is asked when there is nobody, so it
// brings the platform back if that was stopped or killed.
func (s *session) frontDoor(ctx context.Context) (string, error) {
	if err := s.platform.Start(ctx); err != nil {
		return "", err
	}
	st, err := s.platform.Now(ctx)
	return st.Environments[production.Name].URL, err
}

// deliverAll takes deliveries to their end: that which is under way or a new one.
// After a first version comes one that replaces it.
func (s *session) deliverAll(ctx context.Context) error {
	for {
		run, err := s.take(ctx)
		if err != nil {
			return err
		}
		if err := s.follow(ctx, run); err != nil {
			return err
		}
		if run.Trigger.Params[first] == "" {
			return nil
		}
	}
}

// take returns the run to follow.
func (s *session) take(ctx context.Context) (pipeline.Run, error) {
	run, ok, err := s.unfinished(ctx)
	if err != nil {
		return pipeline.Run{}, err
	}
	if ok {
		s.screen.Print("Going on with " + run.ID + ".")
		return run, nil
	}
	if run, err = s.next(ctx, s.broken); err != nil {
		return pipeline.Run{}, err
	}
	if run.Trigger.Params[first] != "" {
		s.screen.Print("Nothing is live yet. First comes " + run.ID + ", to have something to replace.")
	} else {
		s.screen.Print("Delivering " + run.ID + ".")
	}
	return run, nil
}

// follow shows a run until it has ended. The error says why it did not succeed.
func (s *session) follow(ctx context.Context, run pipeline.Run) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes := s.changes(ctx, run.ID)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var serves platform.Environment
	for run.Ended.IsZero() {
		select {
		case c, ok := <-changes:
			if !ok {
				return errors.Join(errors.New("lost sight of "+run.ID), context.Cause(ctx))
			}
			if c.err != nil {
				return c.err
			}
			run = c.run
			if err := s.attend(ctx, run); err != nil {
				return err
			}
		case line := <-s.lines:
			if err := s.answer(ctx, run, line); err != nil {
				return err
			}
		case <-tick.C:
		}
		if st, err := s.platform.Now(ctx); err == nil { // it may be away
			serves = st.Environments[production.Name]
		}
		s.screen.Show(rows(run, serves, time.Now()))
	}
	s.screen.End()
	s.screen.Print(s.result(run, serves))
	if run.Status != pipeline.Succeeded {
		return fmt.Errorf("%s was not delivered: %s", run.ID, run.Reason)
	}
	return nil
}

type change struct {
	run pipeline.Run
	err error
}

// changes sends the run each time it has changed.
func (s *session) changes(ctx context.Context, id string) <-chan change {
	c := make(chan change)
	go func() {
		defer close(c)
		for run, err := range s.Watch(ctx, id) {
			select {
			case c <- change{run, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return c
}

// terminalLines sends what a person types, for as long as the process lives. It
// returns nil if f is no terminal.
func terminalLines(f *os.File) <-chan string {
	if !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	c := make(chan string)
	go func() {
		for in := bufio.NewScanner(f); in.Scan(); {
			c <- in.Text()
		}
	}()
	return c
}
