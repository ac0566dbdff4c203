package command_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/bangle-dev/bangle/supervisor/command"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestControlMessages(t *testing.T) {
	for text, want := range map[string][2]int{
		`{"command":"resize","resize":{"width":120,"height":40}}`:     {120, 40},
		`{"command":"resize","resize":{"width":1000000,"height":40}}`: {65535, 40},
		`{"command":"resize","resize":{"width":-1,"height":40}}`:      {0, 0},
		`{"command":"resize"}`:                             {0, 0},
		`{"command":"signal","signal":{"name":"SIGTERM"}}`: {0, 0},
		`{"command":"signal","signal":{"name":"TERM"}}`:    {0, 0},
		`{"command":"dance"}`:                              {0, 0},
		`[]`:                                               {0, 0},
		``:                                                 {0, 0},
	} {
		cols, rows, err := command.Obey([]byte(text))
		if err != nil {
			t.Skip("no terminals here: ", err)
		}
		if cols != want[0] || rows != want[1] {
			t.Errorf("%s: %d×%d, want %d×%d", text, cols, rows, want[0], want[1])
		}
	}
}

// FuzzControl: no message of a client makes the supervisor panic.
func FuzzControl(f *testing.F) {
	f.Add([]byte(`{"command":"resize","resize":{"width":120,"height":40}}`))
	f.Add([]byte(`{"command":"signal","signal":{"name":"SIGTERM"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, _, err := command.Obey(data); err != nil {
			t.Skip(err)
		}
	})
}
