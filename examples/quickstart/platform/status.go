package platform

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/penstock/penstock/artifact"
)

// A Status says what runs where. It is also the file that the platform keeps.
type Status struct {
	PID          int                    `json:"pid"`              // of the platform; 0 if it does not run
	Started      time.Time              `json:"started"`          // when the platform was started last
	Admin        string                 `json:"admin"`            // URL at which it is told what to do
	Secret       string                 `json:"secret,omitempty"` // to be shown there; only in the file
	Environments map[string]Environment `json:"environments,omitempty"`
}

// An Environment is a place with a front door.
type Environment struct {
	URL       string    `json:"url"`                 // of the front door
	Token     int64     `json:"token"`               // the highest fencing token seen
	Processes []Process `json:"processes,omitempty"` // those that get traffic come first
}

// A Process is an artifact that was started.
type Process struct {
	Artifact artifact.Artifact `json:"artifact"`
	Version  string            `json:"version"` // as the process says of itself
	PID      int               `json:"pid"`     // 0 if it has ended
	Started  time.Time         `json:"started"`
	URL      string            `json:"url"`     // where it listens itself
	Percent  int               `json:"percent"` // of the requests at the front door
	Stats    Stats             `json:"stats,omitzero"`
}

// Live returns the process that gets most of the traffic, and whether there is one.
func (e Environment) Live() (Process, bool) {
	var most Process
	for _, p := range e.Processes {
		if p.Percent > most.Percent {
			most = p
		}
	}
	return most, most.Percent > 0
}

// read returns the status that was written in dir last, or the zero Status if
// there is none.
func read(dir string) (s Status, err error) {
	b, err := os.ReadFile(filepath.Join(dir, statusFile))
	if os.IsNotExist(err) {
		return Status{}, nil
	}
	if err != nil {
		return Status{}, err
	}
	return s, json.Unmarshal(b, &s)
}

// write replaces the status in dir: a reader sees the old one or the new one.
func (s Status) write(dir string) error {
	b, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	temp := filepath.Join(dir, statusFile+".new")
	if err := os.WriteFile(temp, b, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, filepath.Join(dir, statusFile))
}
