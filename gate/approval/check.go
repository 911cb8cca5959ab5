package approval

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/internal/person"
)

const maxNeed = 1000

// Check reports all mistakes in q: nobody who may approve, more approvals than
// people named, one of them written in two ways, a negative number, and Slots beside the fields that they are
// instead of.
func (q Quorum) Check() error {
	var errs []error
	refuse := func(format string, args ...any) { errs = append(errs, fmt.Errorf("approval: "+format, args...)) }
	if len(q.Slots) > 0 && (q.Need != 0 || q.Group != "" || len(q.From) > 0 || q.Anyone) {
		refuse("quorum has Slots, and Need, Group, From or Anyone beside them; want one or the other")
	}
	if q.MaxAge < 0 {
		refuse("quorum has MaxAge %v; want 0 or more", q.MaxAge)
	}
	for i, s := range q.slots() {
		place := "quorum"
		if len(q.Slots) > 0 {
			place = fmt.Sprintf("slot %d of %d", i+1, len(q.Slots))
		}
		if s.Need < 0 || s.Need > maxNeed {
			refuse("%s has Need %d; want 1 to %d, or 0 for 1", place, s.Need, maxNeed)
		}
		if s.Group == "" && len(s.From) == 0 && !s.Anyone {
			refuse("%s names nobody who may approve; want Group, From or Anyone", place)
		}
		if slices.Contains(s.From, "") {
			refuse("%s has an empty user ID in From", place)
		}
	}
	errs = append(errs, q.checkTwins())
	if errors.Join(errs...) == nil {
		errs = append(errs, q.checkPeople())
	}
	return errors.Join(errs...)
}

// checkTwins reports people who are written in two ways: one would be two.
func (q Quorum) checkTwins() error {
	var people []string
	for _, s := range q.slots() {
		people = append(people, s.From...)
	}
	people = (Slot{From: people}).people()
	var errs []error
	first := map[string]string{} // by key
	for _, by := range people {
		if err := person.Check(by); by != "" && err != nil {
			errs = append(errs, fmt.Errorf("approval: user ID %q in From with %w", by, err))
		}
		if other, twice := first[person.Key(by)]; twice {
			errs = append(errs, fmt.Errorf("approval: user IDs %q and %q in From; want one for each person, always written alike", other, by))
		}
		first[person.Key(by)] = by
	}
	return errors.Join(errs...)
}

// checkPeople reports slots that can never be filled, for the people they name
// are too few. A group may have any number of members.
func (q Quorum) checkPeople() error {
	var named []Slot
	var people []string
	for _, s := range q.slots() {
		if s.Group == "" && !s.Anyone {
			named = append(named, s)
			people = append(people, s.From...)
		}
	}
	seats := newSeating(named)
	for _, by := range (Slot{From: people}).people() {
		seats.add(gate.Vote{By: by})
	}
	if seats.full() {
		return nil
	}
	short := seats.short()
	var from []string
	for _, s := range short {
		from = append(from, s.From...)
	}
	from = (Slot{From: from}).people()
	return fmt.Errorf("approval: %d approvals needed from %s, only %d named; one person approves once, so this can never pass",
		needed(short), list(from, "and"), len(from))
}

// Describe returns what q decides by, such as
//
//	2 approvals from group "release-managers"; approvals hold 48h0m0s
//
// Quorums that decide alike are described alike, and others are not.
func (q Quorum) Describe() string {
	var slots []string
	for _, s := range q.slots() {
		slots = append(slots, s.describe())
	}
	text := strings.Join(slots, ", and ")
	if q.AllowAuthor {
		text += "; authors may approve"
	}
	if q.AllowStarter {
		text += "; the starter may approve"
	}
	if q.MaxAge != 0 {
		text += fmt.Sprintf("; approvals hold %v", q.MaxAge)
	}
	if q.Veto {
		text += "; an objection rejects"
	}
	return text
}

// describe quotes what a user wrote, so that a group is never taken for a
// person.
func (s Slot) describe() string {
	from := []string{"anyone"}
	if !s.Anyone {
		from = nil
		if s.Group != "" {
			from = append(from, "group "+strconv.Quote(s.Group))
		}
		for _, by := range s.people() {
			from = append(from, strconv.Quote(by))
		}
	}
	noun := "approvals"
	if s.need() == 1 {
		noun = "approval"
	}
	return fmt.Sprintf("%d %s from %s", s.need(), noun, list(from, "or"))
}
