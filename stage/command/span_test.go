package command

import (
	"context"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// The oracle is what the propagators of OpenTelemetry write.
func TestSpanOfWritesWhatThePropagatorsDo(t *testing.T) {
	span := func(flags trace.TraceFlags, state string) context.Context {
		ts, err := trace.ParseTraceState(state)
		if err != nil {
			t.Fatal(err)
		}
		return trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{0xab, 15: 1}, SpanID: trace.SpanID{0xcd, 7: 2}, TraceFlags: flags, TraceState: ts,
		}))
	}
	carrying := func(ctx context.Context, text string) context.Context {
		bag, err := baggage.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return baggage.ContextWithBaggage(ctx, bag)
	}
	tests := []struct {
		name string
		ctx  context.Context
	}{
		{"no span", t.Context()},
		{"a span without a trace", trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{SpanID: trace.SpanID{1}}))},
		{"a span that is not sampled", span(0, "")},
		{"a sampled span", span(trace.FlagsSampled, "")},
		{"a span of a random trace", span(trace.FlagsSampled|trace.FlagsRandom, "")},
		{"a span with flags that version 00 does not have", span(0xff, "")},
		{"a span with the state of two vendors", span(trace.FlagsSampled, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")},
		{"baggage alone", carrying(t.Context(), "release=v2")},
		{"a span with baggage that has to be escaped", carrying(span(trace.FlagsSampled, ""), "team=caf%C3%A9%20bar;public,release=v2")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			carrier := propagation.MapCarrier{}
			propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}).Inject(tt.ctx, carrier)
			var want []string
			for key, value := range carrier {
				want = append(want, strings.ToUpper(key)+"="+value)
			}
			got := spanOf(tt.ctx)
			for _, env := range [][]string{got, want} {
				for i, kv := range env {
					if list, ok := strings.CutPrefix(kv, "BAGGAGE="); ok { // of which the order is free
						members := strings.Split(list, ",")
						slices.Sort(members)
						env[i] = strings.Join(members, ",")
					}
				}
				slices.Sort(env)
			}
			if !slices.Equal(got, want) {
				t.Errorf("spanOf = %q; want %q", got, want)
			}
		})
	}
}
