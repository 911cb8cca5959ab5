package simulate

import (
	"time"

	"github.com/penstock/penstock/internal/machine"
)

// free reports whether nobody who lives takes the run forward (J4).
func (p *process) free(m *machine.Machine) bool {
	d := p.w.disk
	if m.Owner == "" || m.Owner == p.name || !d.alive(m.Owner, p.clock()) {
		return true
	}
	if !d.alive(m.Owner, p.clock().Add(2*maxLease)) {
		delete(p.ahead, m.Owner)
		return false
	}
	if _, known := p.ahead[m.Owner]; !known {
		p.ahead[m.Owner] = p.w.now
	}
	return p.w.now.Sub(p.ahead[m.Owner]) >= leaseTerm
}

// hold has the lease run for a while.
func (p *process) hold() error {
	if p.until.Sub(p.w.now) > leaseTerm/2 {
		return nil
	}
	return p.renew()
}

func (p *process) renew() error {
	if p.numb > 0 {
		p.numb--
		p.w.hit("numb")
		return errIO
	}
	p.until = p.w.now.Add(leaseTerm)
	p.w.disk.renew(p.name, p.clock().Add(leaseTerm))
	p.beats = p.w.now.Add(leaseTerm / 3)
	return nil
}

// beat renews the lease if there is a claim to keep.
func (p *process) beat() {
	if len(p.lives()) == 0 {
		p.until, p.beats = time.Time{}, time.Time{}
		return
	}
	late := p.w.now.After(p.until)
	if p.renew() != nil {
		p.beats = p.w.now.Add(leaseTerm / 3)
	}
	if late {
		for _, r := range p.live {
			p.wake(r.id)
		}
	}
}
