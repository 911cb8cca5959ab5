//go:build unix

package command_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/command"
)

// key is a secret of several lines.
const key = "-----BEGIN KEY-----\nMC4CAQAwBQYDK2Vw\nBCIEIJ+DYvh6SEqVTm50\n-----END KEY-----\n"

func TestSecretsAreHiddenInWhatAProgramPrints(t *testing.T) { // J8, I22
	for _, tt := range []struct{ name, script, want string }{
		{"as it is", `echo "POST /login?token=$TOKEN"`, "POST /login?token=[secret token]"},
		{"in two writes", `printf hunter2-; sleep 0.1; echo hunter2`, "[secret token]"},
		{"byte by byte", `for c in h u n t e r 2 - h u n t e r 2; do printf $c; done; echo`, "[secret token]"},
		{"without an end of line", `printf "%s" "$TOKEN"`, "[secret token]"},
		{"on stderr", `echo "wrong token $TOKEN" >&2`, "wrong token [secret token]"},
		{"in base64", `echo "Basic dXNlcjpodW50ZXIyLWh1bnRlcjI="`, "Basic dXNlcjp[secret token]I="},
		{"across the bound at which a line is broken", `printf "%04090d" 0; echo "$TOKEN"`, "t token]"},
		{"across the begin of what is kept", `echo start; printf "%s" "$TOKEN"; printf "%04090d\n" 0`, "oken]0"},
		{"a key, line by line", `echo "$KEY"`, "[secret key]"},
		{"a line of a key", `echo BCIEIJ+DYvh6SEqVTm50`, "[secret key]"},
		{"between colours", `printf 'token: \033[1m%s\033[0m\n' "$TOKEN"`, "token: [secret token]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := command.Shell(tt.script + "\nexit 1")
			c.Secrets = map[string]string{"TOKEN": "token", "KEY": "key"}
			var log bytes.Buffer
			in := stage.Input{
				Secrets: func(_ context.Context, name string) (string, error) {
					return map[string]string{"token": "hunter2-hunter2", "key": key}[name], nil
				},
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
			}
			_, err := c.Run(t.Context(), in)
			if err == nil {
				t.Fatal("Run = nil; want a verdict")
			}
			_, said, _ := strings.Cut(err.Error(), ":") // the script shows no secret that it is not given
			_, said, _ = strings.Cut(said, "exit code 1:")
			for _, text := range []string{said, log.String()} {
				if !strings.Contains(text, tt.want) {
					t.Errorf("it says %.300q; want %q in it", text, tt.want)
				}
				for _, part := range []string{"hunter2", "unter2-", "aHVudGVy", "odW50ZXI", "VudGVyMi", "MC4CAQAw", "SEqVTm50"} {
					if strings.Contains(text, part) {
						t.Errorf("it says %.300q with %q in it, which is of a secret", text, part)
					}
				}
			}
		})
	}
}
