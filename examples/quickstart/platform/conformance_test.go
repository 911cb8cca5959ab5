package platform

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/stage/stagetest"
)

func TestClientKeepsThePromisesOfADeployer(t *testing.T) {
	stagetest.Deploy(t, func(t testing.TB) stagetest.DeployCase {
		p := begin(t)
		return stagetest.DeployCase{
			Deployer: p.Client,
			Effects:  func() int { return p.effects(t) },
			Fenced:   true,
			Old:      artifact.Set{"shop": p.v1},
			New:      artifact.Set{"shop": p.v2},
		}
	})
}

// effects counts what the platform has changed so far.
func (p *platform) effects(t testing.TB) int {
	b, err := os.ReadFile(filepath.Join(p.Dir, logFile))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Count(string(b), `"split"`)
}
