package proc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// User is one line of the passwd file.
type User struct {
	Name     string
	UID, GID int
	Home     string
}

// Opener opens a file of the tree that commands run in, by absolute path.
type Opener interface {
	Open(path string) (io.ReadCloser, error)
}

const noID = 1<<32 - 1 // the system's word for "leave it as it is"

// Request names an account by id or name or both; nil and "" mean not given.
type Request struct {
	UserID  *int
	User    string
	GroupID *int
	Group   string
}

// Account is a resolved request. Given is false when nothing was asked for.
type Account struct {
	Given    bool
	UID, GID int
	Name     string // empty when the uid has no passwd entry
	Home     string
}

// Credential returns what Spec needs, nil when nothing was asked for.
func (a Account) Credential() *Credential {
	if !a.Given {
		return nil
	}
	return &Credential{UID: uint32(a.UID), GID: uint32(a.GID)}
}

// Resolve looks a request up in the tree's passwd and group files: an id
// that contradicts its name is an error, a user without group gets the
// primary group, and a group needs a user.
func (q Request) Resolve(fs Opener) (Account, error) {
	for _, id := range []*int{q.UserID, q.GroupID} {
		if id != nil && (*id < 0 || *id >= noID) {
			return Account{}, fmt.Errorf("invalid id %d (allowed: 0 to %d)", *id, noID-1)
		}
	}
	if q.UserID == nil && q.User == "" {
		if q.GroupID != nil || q.Group != "" {
			return Account{}, errors.New("must specify user, not just group")
		}
		return Account{}, nil
	}
	acc, haveGroup, err := q.user(fs)
	if err != nil {
		return Account{}, err
	}
	switch {
	case q.Group != "":
		gid, err := LookupGroup(fs, q.Group)
		if err != nil {
			return Account{}, err
		}
		if q.GroupID != nil && *q.GroupID != gid {
			return Account{}, fmt.Errorf("group %q GID (%d) does not match group-id (%d)", q.Group, gid, *q.GroupID)
		}
		acc.GID = gid
	case q.GroupID != nil:
		acc.GID = *q.GroupID
	case !haveGroup:
		return Account{}, fmt.Errorf("must specify group: user-id %d has no passwd entry to take it from", acc.UID)
	}
	return acc, nil
}

func (q Request) user(fs Opener) (acc Account, haveGroup bool, err error) {
	acc.Given = true
	if q.User == "" {
		acc.UID = *q.UserID
		u, err := FindUser(fs, func(u User) bool { return u.UID == acc.UID })
		if err == nil {
			return Account{Given: true, UID: u.UID, GID: u.GID, Name: u.Name, Home: u.Home}, true, nil
		}
		return acc, false, nil // an id needs no passwd entry
	}
	u, err := FindUser(fs, func(u User) bool { return u.Name == q.User })
	if err != nil {
		return acc, false, fmt.Errorf("unknown user %q", q.User)
	}
	if q.UserID != nil && *q.UserID != u.UID {
		return acc, false, fmt.Errorf("user %q UID (%d) does not match user-id (%d)", q.User, u.UID, *q.UserID)
	}
	return Account{Given: true, UID: u.UID, GID: u.GID, Name: u.Name, Home: u.Home}, true, nil
}

var errNoEntry = errors.New("no such entry")

// FindUser returns the first passwd entry that match accepts.
func FindUser(fs Opener, match func(User) bool) (User, error) {
	var found User
	err := scan(fs, "/etc/passwd", 7, func(f []string) bool {
		uid, err1 := strconv.Atoi(f[2])
		gid, err2 := strconv.Atoi(f[3])
		if err1 != nil || err2 != nil {
			return false
		}
		found = User{Name: f[0], UID: uid, GID: gid, Home: f[5]}
		return match(found)
	})
	return found, err
}

// LookupGroup returns the id of a group.
func LookupGroup(fs Opener, name string) (int, error) {
	gid := 0
	err := scan(fs, "/etc/group", 3, func(f []string) bool {
		n, err := strconv.Atoi(f[2])
		gid = n
		return err == nil && f[0] == name
	})
	if err != nil {
		return 0, fmt.Errorf("unknown group %q", name)
	}
	return gid, nil
}

// GroupName returns the name of a group id, or "".
func GroupName(fs Opener, gid int) string {
	name, want := "", strconv.Itoa(gid)
	if err := scan(fs, "/etc/group", 3, func(f []string) bool { name = f[0]; return f[2] == want }); err != nil {
		return ""
	}
	return name
}

func scan(fs Opener, path string, fields int, match func([]string) bool) error {
	f, err := fs.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if parts := strings.Split(lines.Text(), ":"); len(parts) >= fields && match(parts) {
			return nil
		}
	}
	return errNoEntry
}
