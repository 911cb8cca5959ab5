//go:build unix

package command_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage"
	"github.com/penstock/penstock/stage/command"
)

// A program makes a file, which becomes an artifact.
func ExampleCommand() {
	build := command.Command{
		Argv:  []string{"cp", "/dev/null", "$PENSTOCK_FILES/image.tar"}, // in earnest: go build -o …
		Files: []command.File{{Name: "image", Path: "image.tar", MediaType: "application/x-tar"}},
		Store: new(artifact.Memory),
	}
	fmt.Println(stage.Describe(build))

	out, err := build.Run(context.Background(), stage.Input{})
	fmt.Println(out.Artifacts[0], err)
	// Output:
	// run cp /dev/null $PENSTOCK_FILES/image.tar
	// image@e3b0c44298fc <nil>
}

// An exit code is a verdict, with the end of what was printed.
func ExampleShell() {
	test := command.Shell(`
		echo "testing $PENSTOCK_PARAM_COMMIT"
		echo "FAIL: 2 of 412 tests"
		exit 1`)
	_, err := test.Run(context.Background(), stage.Input{Params: map[string]string{"commit": "c0ffee"}})
	var no *stage.Failure
	fmt.Println(errors.As(err, &no))
	fmt.Println(no)
	// Output:
	// true
	// exit code 1:
	// testing c0ffee
	// FAIL: 2 of 412 tests
}

// A program gives values to later stages by writing them to a file.
func ExampleCommand_values() {
	open := command.Shell(`echo '{"summary": "opened 4711", "values": {"ticket": 4711}}' > "$PENSTOCK_OUTPUT"`)
	out, err := open.Run(context.Background(), stage.Input{})
	values, _ := json.Marshal(out.Values)
	fmt.Println(out.Summary, string(values), err)
	// Output: opened 4711 {"ticket":4711} <nil>
}
