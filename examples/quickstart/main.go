// Quickstart delivers a small Go service, for real and on this machine: it
// builds and tests it, runs it in staging, asks for approval, gives it a few of
// production's requests, watches how they are answered, and then gives it all
// of them.
//
// Usage:
//
//	quickstart [-yes] [-break]   deliver the next version, or go on with the one under way
//	quickstart approve           let it pass the gate, from a second terminal
//	quickstart reject [reason]   or not
//	quickstart status            what is live, and how each delivery stands
//	quickstart verify            whether the journal is as it was written
//	quickstart stop              end what is live; the next delivery starts it again
//	quickstart reset             end it and forget everything
//
// Flags come after the command. With -break the version that is delivered fails
// under load; the delivery then ends with status 1, and the version before goes
// on to serve.
//
// Start it inside the repository, for it builds the service from its source.
// Kill it at any time, with -9 if you like, and start it again: it goes on
// where it was. The versions in production are processes of another program,
// the platform, which goes on in the meantime.
//
// The pipeline is in delivery.go. Start there.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"strings"
)

// options are what the flags say.
type options struct {
	dir     string
	by      string
	yes     bool
	broken  bool
	comment string // the arguments after the flags
}

// commands returns what each command does.
func commands() map[string]func(ctx context.Context, o options) error {
	return map[string]func(ctx context.Context, o options) error{
		"deliver":  deliver,
		"approve":  func(ctx context.Context, o options) error { return vote(ctx, o, true) },
		"reject":   func(ctx context.Context, o options) error { return vote(ctx, o, false) },
		"status":   status,
		"verify":   verify,
		"stop":     stop,
		"reset":    reset,
		"platform": servePlatform, // for Client.Command
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	name := "deliver"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	do, ok := commands()[name]
	if !ok {
		return fmt.Errorf("command %q; want approve, reject, status, verify, stop, reset, or none to deliver", name)
	}
	dir, err := defaultDir()
	if err != nil {
		return err
	}
	var o options
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.StringVar(&o.dir, "dir", dir, "`directory` that keeps artifacts, journal and platform")
	flags.StringVar(&o.by, "by", me(), "`name` of who approves")
	flags.BoolVar(&o.yes, "yes", false, "approve without asking")
	flags.BoolVar(&o.broken, "break", false, "deliver a version that fails under load")
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: quickstart [approve | reject | status | verify | stop | reset] [flags]")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return errors.Join(flag.ErrHelp, err)
	}
	o.comment = strings.Join(flags.Args(), " ")
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return err
	}
	return do(ctx, o)
}

// defaultDir returns a directory below the user's cache directory, so that it
// is the same from wherever the program is started.
func defaultDir() (string, error) {
	cache, err := os.UserCacheDir()
	return filepath.Join(cmp.Or(cache, os.TempDir()), "penstock-quickstart"), err
}

func me() string {
	u, err := user.Current()
	if err != nil {
		return "you"
	}
	return u.Username
}
