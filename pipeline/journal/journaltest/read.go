package journaltest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/penstock/penstock/pipeline/journal"
)

var readRules = []rule{
	{"events come back as they were, of every kind", func(t testing.TB, s journal.Store) {
		for _, e := range appended() {
			must(t, s, batch(string(e.Kind), 0, e))
			same(t, s, string(e.Kind), 0, []journal.Event{e}, "as they were appended")
		}
		must(t, s, batch("all", 0, appended()...))
		same(t, s, "all", 0, appended(), "as they were appended at once")
	}},

	{"events come back from any number on", func(t testing.TB, s journal.Store) {
		same(t, s, "never", 0, nil, "of a journal that was never appended to")
		same(t, s, "never", 3, nil, "of a journal that was never appended to")
		all := notes(7)
		must(t, s, batch("a", 0, all[:1]...), batch("b", 0, note("b")))
		must(t, s, batch("a", 1, all[1:4]...))
		must(t, s, batch("a", 4, all[4:]...))
		for from := range 10 {
			same(t, s, "a", from, all[min(from, len(all)):], "of a journal of length 7")
		}
	}},

	{"an event may have a megabyte", func(t testing.TB, s journal.Store) {
		big := note(strings.Repeat("all work and no play ", 1<<20/21))
		must(t, s, batch("a", 0, note("0"), big, big))
		same(t, s, "a", 0, []journal.Event{note("0"), big, big}, "of a megabyte")
	}},

	{"a journal may have thousands of events", func(t testing.TB, s journal.Store) {
		all := notes(5000)
		must(t, s, batch("a", 0, all...))
		same(t, s, "a", 0, all, "appended at once")
		same(t, s, "a", 4998, all[4998:], "from near the end")
	}},

	{"names may be any bytes", func(t testing.TB, s journal.Store) {
		names := []string{
			"env/shop", "env/shop/eu", "ENV/SHOP", " ", ".", "..", "../../etc/passwd", "%", "_", "a%", "a_b", "*", "?x=1#y", "'; drop table events; --",
			"\x00", "a", "a\x00", "a\x00b", "\xff", "\xff\xff", "\xc3\x28", "é", "e\u0301", "日本", "con", "nul.txt", "a\nb", `\`, `"`, strings.Repeat("x", 160), strings.Repeat("\xff", 160),
		}
		for i, name := range names {
			must(t, s, batch(name, 0, note(fmt.Sprint(i))))
		}
		wantList(t, s, journal.Query{}, names...)
		for i, name := range names {
			same(t, s, name, 0, []journal.Event{note(fmt.Sprint(i))}, "by its name and no other")
			if i > 0 {
				wantList(t, s, journal.Query{After: names[i-1], Limit: 1}, name)
			}
			wantList(t, s, journal.Query{Prefix: name}, slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.HasPrefix(n, name) })...)
		}
	}},

	{"the events of a caller are its own", func(t testing.TB, s journal.Store) {
		must(t, s, batch("a", 0, notes(3)...))
		events, err := s.Events(t.Context(), "a", 0)
		if err != nil {
			t.Fatalf("Events = %v; want nil", err)
		}
		_ = append(events, note("mine")) // must not reach the store
		must(t, s, batch("a", 3, note("3")))
		same(t, s, "a", 0, notes(4), "after a caller appended to the slice it was given")
	}},

	{"a caller that changes the slice it got changes nothing", func(t testing.TB, s journal.Store) {
		must(t, s, batch("a", 0, notes(3)...))
		events, err := s.Events(t.Context(), "a", 0)
		if err != nil {
			t.Fatalf("Events = %v; want nil", err)
		}
		clear(events)
		same(t, s, "a", 0, notes(3), "after a caller cleared the slice it was given")
	}},
}

var listRules = []rule{
	{"journals are listed in the order of their first events", func(t testing.TB, s journal.Store) {
		wantList(t, s, journal.Query{})
		must(t, s, batch("c", 0, note("x")))
		must(t, s, batch("b", 0, note("x")), batch("a", 0, note("x")))
		must(t, s, batch("d", 0, note("x")), batch("c", 1, note("x")))
		wantList(t, s, journal.Query{}, "c", "b", "a", "d")
		wantList(t, s, journal.Query{Newest: true}, "d", "a", "b", "c")
	}},

	{"a journal is open until its last event is ended", func(t testing.TB, s journal.Store) {
		must(t, s, batch("open", 0, note("x")))
		must(t, s, batch("begun and ended", 0, note("x"), ended()))
		must(t, s, batch("ended later", 0, note("x")))
		must(t, s, batch("went on", 0, note("x"), ended(), note("x")))
		must(t, s, batch("env/shop", 0, journal.Event{Kind: journal.Taken, Data: &journal.Hold{Token: 1}}))
		wantList(t, s, journal.Query{Open: true}, "open", "ended later", "went on", "env/shop")
		must(t, s, batch("ended later", 1, ended()))
		wantList(t, s, journal.Query{Open: true}, "open", "went on", "env/shop")
		must(t, s, batch("begun and ended", 2, note("x")))
		wantList(t, s, journal.Query{Open: true}, "open", "begun and ended", "went on", "env/shop")
		wantList(t, s, journal.Query{}, "open", "begun and ended", "ended later", "went on", "env/shop")
	}},

	{"the fields of a query work together", func(t testing.TB, s journal.Store) {
		var all []listed
		for i := range 24 {
			l := listed{name: fmt.Sprintf("%c/%02d", 'a'+i%3, i), open: i%4 != 0}
			must(t, s, batch(l.name, 0, note("x")))
			if !l.open {
				must(t, s, batch(l.name, 1, ended()))
			}
			all = append(all, l)
		}
		for _, prefix := range []string{"", "a", "b/", "c/1", "c/11", "d"} {
			for _, after := range []string{"", "a/00", "b/10", "c/23"} {
				for _, limit := range []int{0, 1, 5, 100} {
					for flags := range 4 {
						q := journal.Query{Prefix: prefix, After: after, Limit: limit, Open: flags&1 != 0, Newest: flags&2 != 0}
						wantList(t, s, q, pick(all, q)...)
					}
				}
			}
		}
	}},

	{"a list can be read in pages while it grows", func(t testing.TB, s journal.Store) {
		var got []string
		q := journal.Query{Limit: 2}
		for i := range 10 {
			must(t, s, batch(fmt.Sprint(i), 0, note("x")))
			if i%2 == 0 {
				continue
			}
			names, err := s.List(t.Context(), q)
			if err != nil || len(names) != 2 {
				t.Fatalf("List(%+v) = %q, %v; want two names", q, names, err)
			}
			got = append(got, names...)
			q.After = names[1]
		}
		wantList(t, s, journal.Query{}, got...)
	}},

	{"a list cannot begin after a journal that is not there", func(t testing.TB, s journal.Store) {
		must(t, s, batch("a", 0, note("x")))
		if names, err := s.List(t.Context(), journal.Query{After: "b"}); !errors.Is(err, journal.ErrInput) {
			t.Errorf("List after a journal that is not there = %q, %v; want ErrInput, for no answer would be right", names, err)
		}
	}},
}

type listed struct {
	name string
	open bool
}

// pick is what [journal.Query] says, in so many words.
func pick(all []listed, q journal.Query) (names []string) {
	all = slices.Clone(all)
	if q.Newest {
		slices.Reverse(all)
	}
	if i := slices.IndexFunc(all, func(l listed) bool { return l.name == q.After }); q.After != "" {
		all = all[i+1:]
	}
	for _, l := range all {
		if strings.HasPrefix(l.name, q.Prefix) && (l.open || !q.Open) && (q.Limit == 0 || len(names) < q.Limit) {
			names = append(names, l.name)
		}
	}
	return names
}
