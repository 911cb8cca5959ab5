// Service is the shop that the quickstart delivers: a small HTTP service, as
// any other.
//
// It serves GET /healthz, GET /version and GET /price/{item}?quantity=n. It
// ends when it gets an interrupt, or when its standard input is closed, so that
// it never outlives the platform that started it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"
)

// Set by the linker: see the stage "build" of the quickstart.
var (
	version = "dev"
	leak    = "" // not empty: the mistake in a release that is meant to fail
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "`address` to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, stop = untilClosed(ctx, os.Stdin)
	defer stop()
	if err := serve(ctx, *addr, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// untilClosed returns a context that is done when r ends.
func untilClosed(ctx context.Context, r io.Reader) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		io.Copy(io.Discard, r)
		cancel()
	}()
	return ctx, cancel
}

// serve writes to ready where it listens, and serves until ctx is done.
// Requests under way are then answered.
func serve(ctx context.Context, addr string, ready io.Writer) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(ready, "listening on http://%s\n", l.Addr())
	s := &http.Server{Handler: newShop(leak != ""), ReadHeaderTimeout: 5 * time.Second}
	done := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		done <- s.Shutdown(grace)
	}()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-done
}
