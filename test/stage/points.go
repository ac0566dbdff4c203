package stage

import (
	"bufio"
	"fmt"
	"net"
	"sync"
)

// points answers the processes that were built with crash points: each asks at each point whether it may go on, and
// waits for the answer. So a test can kill anybody at any point of anybody else.
type points struct {
	socket   string
	listener net.Listener
	group    sync.WaitGroup

	mu    sync.Mutex
	seen  map[string]int
	armed *Trap
}

// Trap is one point at which something is done once.
type Trap struct {
	Point string
	Nth   int // 1 is the next time
	// Do is called with the id of the process that stands at the point; that one waits meanwhile.
	Do func(pid int)
	// Reached is closed when somebody came there, Done when Do has returned.
	Reached, Done chan struct{}
}

func newPoints(socket string) (*points, error) {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	p := &points{socket: socket, listener: listener, seen: map[string]int{}}
	p.group.Go(p.serve)
	return p, nil
}

func (p *points) serve() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.group.Go(func() { p.answer(conn) })
	}
}

// answer holds one process at one point until the trap, if it is this one, has done its work.
func (p *points) answer(conn net.Conn) {
	defer func() { _ = conn.Close() }() // its end is the answer
	line, err := bufio.NewReader(conn).ReadString('\n')
	var name string
	var pid int
	if _, scanErr := fmt.Sscan(line, &name, &pid); err != nil || scanErr != nil {
		return
	}
	if trap := p.hit(name); trap != nil {
		close(trap.Reached)
		trap.Do(pid)
		close(trap.Done)
	}
}

// hit counts and takes the trap if it is this point's turn.
func (p *points) hit(name string) *Trap {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[name]++
	trap := p.armed
	if trap == nil || trap.Point != name {
		return nil
	}
	if trap.Nth--; trap.Nth > 0 {
		return nil
	}
	p.armed = nil
	return trap
}

// Arm sets the one trap.
func (s *set) Arm(point string, nth int, do func(pid int)) *Trap {
	trap := &Trap{Point: point, Nth: nth, Do: do, Reached: make(chan struct{}), Done: make(chan struct{})}
	s.points.mu.Lock()
	defer s.points.mu.Unlock()
	s.points.armed = trap
	return trap
}

// Disarm takes the trap away.
func (p *points) Disarm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = nil
}

// Seen says how often a point was passed so far, in all processes.
func (s *set) Seen(point string) int {
	s.points.mu.Lock()
	defer s.points.mu.Unlock()
	return s.points.seen[point]
}

func (p *points) close() error {
	err := p.listener.Close()
	p.group.Wait()
	return err
}
