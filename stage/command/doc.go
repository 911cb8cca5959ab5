// Package command runs a program as a stage.
//
// A [Command] starts a process in a session and process group of its own (on
// Windows, a job). When the context of the call is done, or the program itself
// has ended, what is left of the group is told to end, and is killed after
// [Command].Grace. A process that leaves the group on purpose, as a daemon
// does, is left alone, and does not hold up the stage.
//
// Exit code 0 is success. Any other is a verdict, a [stage.Failure] with the
// end of what the program printed, unless it is listed in [Command].Unable. That
// a program could not be started, was ended by a signal, or ran out of time is
// a plain error: it had no verdict.
//
// A process that lost its machine or was killed cannot stop its program, which
// may still run when the next one starts it again with the same PENSTOCK_KEY.
// PENSTOCK_TOKEN tells a platform which of two is the later.
//
// # What the program is told
//
// In its environment it finds
//
//	PENSTOCK_PIPELINE, PENSTOCK_RUN, PENSTOCK_STAGE
//	PENSTOCK_KEY                      idempotency key, the same if it is called again
//	PENSTOCK_ATTEMPT                  1, 2, …
//	PENSTOCK_TOKEN                    fencing token of the environment
//	PENSTOCK_ENVIRONMENT              name, if the step has one
//	PENSTOCK_TIER                     of that, such as production
//	PENSTOCK_ARTIFACT_<NAME>          digest of what the step consumes
//	PENSTOCK_ARTIFACT_<NAME>_URI      where it can be fetched, if known
//	PENSTOCK_ARTIFACT_<NAME>_FILE     its verified content, if in Fetch
//	PENSTOCK_PREVIOUS_<NAME>          digest of what the environment held before
//	PENSTOCK_VALUE_<NAME>             what the step takes: a string as it is, else JSON
//	PENSTOCK_PARAM_<NAME>             parameter of the trigger
//	PENSTOCK_FILES                    new directory for what it makes, see Files
//	PENSTOCK_OUTPUT                   file to write its result to
//	TRACEPARENT, TRACESTATE, BAGGAGE  span it belongs to (OpenTelemetry, "Environment Variables as Context Propagation Carriers")
//
// <NAME> is in upper case, with an underscore for all but letters and digits;
// two names that become one are an error. Nothing that begins with PENSTOCK_ is
// inherited.
//
// # What the program tells
//
// A file in Files becomes an artifact. In the file PENSTOCK_OUTPUT the program
// may write JSON of at most 1 MiB, in which all is optional:
//
//	{
//	  "summary": "412 tests passed",
//	  "values": {"url": "https://example.com"},
//	  "artifacts": [{"name": "image", "digest": "sha256:…"}]
//	}
//
// Without a summary the last line that it printed is taken. Each line goes to
// the log of the stage.
package command
