package command

import (
	"bytes"
	"log/slog"
	"regexp"
	"strings"
	"unicode"
)

// keepBytes is how much of the end of what a program printed is kept, and the
// length at which a line in the log is broken.
const keepBytes = 4 << 10

// A printed is what a program prints. Its end is kept, each line is logged.
type printed struct {
	log  *slog.Logger
	line []byte // begun, not yet logged
	end  []byte // at most twice keepBytes
	cut  bool   // there was more before end
}

// Write implements [io.Writer].
func (p *printed) Write(b []byte) (int, error) {
	p.keep(b)
	p.line = append(p.line, b...)
	for {
		n, skip := bytes.IndexByte(p.line, '\n'), 1
		if n < 0 && len(p.line) < keepBytes {
			return len(b), nil
		}
		if n < 0 || n > keepBytes {
			n, skip = keepBytes, 0
		}
		p.say(p.line[:n])
		p.line = p.line[n+skip:]
	}
}

func (p *printed) keep(b []byte) {
	if over := len(b) - keepBytes; over > 0 {
		p.end, b, p.cut = p.end[:0], b[over:], true
	}
	p.end = append(p.end, b...)
	if over := len(p.end) - keepBytes; over > keepBytes {
		p.end, p.cut = append(p.end[:0], p.end[over:]...), true
	}
}

// finish logs a last line that has no end.
func (p *printed) finish() {
	if len(p.line) > 0 {
		p.say(p.line)
		p.line = nil
	}
}

func (p *printed) say(line []byte) { p.log.Info("output", "line", readable(string(line))) }

// tail returns the end of the text, from the begin of a line if that is near.
func (p *printed) tail() string {
	end, cut := p.end, p.cut
	if over := len(end) - keepBytes; over > 0 {
		end, cut = end[over:], true
	}
	text := readable(string(end))
	if !cut {
		return strings.TrimSpace(text)
	}
	if _, rest, ok := strings.Cut(text, "\n"); ok && strings.TrimSpace(rest) != "" {
		text = rest
	}
	return "…\n" + strings.TrimSpace(text)
}

// last returns the last line, if it is short enough to be a summary.
func (p *printed) last() string {
	text := p.tail()
	line := strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
	if len(line) > 200 {
		return ""
	}
	return line
}

// colour is an escape sequence (ECMA-48, section 5.4).
var colour = regexp.MustCompile("\x1b\\[[0-?]*[ -/]*[@-~]")

// readable returns text as UTF-8 without what would act on a terminal.
func readable(text string) string {
	text = colour.ReplaceAllString(strings.ToValidUTF8(text, "\uFFFD"), "")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
}
