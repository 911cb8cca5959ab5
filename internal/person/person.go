// Package person compares the IDs of people.
//
// The program that embeds this library vouches for them. If it lets one person
// be written in two ways, one becomes two, and approves what they wrote.
package person

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Check reports why id can name nobody: it is empty, no UTF-8, or has in it what
// cannot be seen, which would tell apart what looks alike.
func Check(id string) error {
	switch {
	case id == "":
		return errors.New("nothing in it; want that of a person")
	case !utf8.ValidString(id):
		return errors.New("bytes in it that are no UTF-8")
	case strings.TrimSpace(id) != id:
		return errors.New("white space around it; want none")
	case strings.ContainsFunc(id, func(r rune) bool { return !strconv.IsPrint(r) }):
		return errors.New("characters in it that cannot be seen; want none")
	}
	return nil
}

// Key returns the same for all the ways in which one person is likely to be
// written: they differ in case, or in white space around them. Letters of
// different alphabets that look alike, and accents that are composed or not, are
// told apart.
func Key(id string) string {
	return strings.ToLower(strings.ToUpper(strings.TrimSpace(id))) // ToLower alone has two letters for a small s
}

// Alike reports whether a and b may be one person written in two ways.
func Alike(a, b string) bool { return a != b && Key(a) == Key(b) }
