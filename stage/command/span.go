package command

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"
)

// spanOf returns the variables that say which span a program belongs to, and
// its baggage (W3C Trace Context, level 2, section 3.2; W3C Baggage, section 3).
// The propagators of OpenTelemetry write the same, but bring net/http with them.
func spanOf(ctx context.Context) (env []string) {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		flags := span.TraceFlags() & (trace.FlagsSampled | trace.FlagsRandom) // all that version 00 has
		env = append(env, fmt.Sprintf("TRACEPARENT=00-%v-%v-%v", span.TraceID(), span.SpanID(), flags))
		if state := span.TraceState().String(); state != "" {
			env = append(env, "TRACESTATE="+state)
		}
	}
	if bag := baggage.FromContext(ctx).String(); bag != "" {
		env = append(env, "BAGGAGE="+bag)
	}
	return env
}
