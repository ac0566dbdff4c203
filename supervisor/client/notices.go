package client

import (
	"context"
	"net/url"
	"strconv"
	"time"
)

// Notice says that something happened, and how often.
type Notice struct {
	ID            string            `json:"id" yaml:"id"`
	UserID        *uint32           `json:"user-id" yaml:"user-id"` // nil when public
	Type          string            `json:"type" yaml:"type"`       // custom, change-update or warning
	Key           string            `json:"key" yaml:"key"`
	FirstOccurred time.Time         `json:"first-occurred" yaml:"first-occurred"`
	LastOccurred  time.Time         `json:"last-occurred" yaml:"last-occurred"`
	LastRepeated  time.Time         `json:"last-repeated" yaml:"last-repeated"`
	Occurrences   int               `json:"occurrences" yaml:"occurrences"`
	LastData      map[string]string `json:"last-data,omitempty" yaml:"last-data,omitempty"`
	RepeatAfter   string            `json:"repeat-after,omitempty" yaml:"repeat-after,omitempty"`
	ExpireAfter   string            `json:"expire-after" yaml:"expire-after"`
}

// NotifyOptions are the optional parts of a custom notice.
type NotifyOptions struct {
	Data        map[string]string
	RepeatAfter time.Duration // repeats within it do not wake anyone; 0 means every one does
}

// Notify records a custom notice, key as in "example.com/path", and returns its id.
func (c *Client) Notify(ctx context.Context, key string, o NotifyOptions) (string, error) {
	body := map[string]any{"action": "add", "type": "custom", "key": key, "data": o.Data}
	if o.RepeatAfter != 0 {
		body["repeat-after"] = o.RepeatAfter.String()
	}
	var out struct {
		ID string `json:"id"`
	}
	_, err := c.post(ctx, "/v1/notices", body, &out)
	return out.ID, err
}

// NoticeFilter chooses notices; the zero value gives the caller's own and the public ones.
type NoticeFilter struct {
	Types, Keys []string
	After       time.Time     // only those repeated later than that
	Timeout     time.Duration // wait that long for one; 0 does not wait
	AllUsers    bool          // admins only
	UserID      *uint32       // admins only, not together with AllUsers
}

// Notices lists notices by the time of their last repeat. With a Timeout it
// waits until there is one, and returns none when the time is over.
func (c *Client) Notices(ctx context.Context, f NoticeFilter) ([]Notice, error) {
	q := url.Values{}
	listParam(q, "types", f.Types)
	listParam(q, "keys", f.Keys)
	if !f.After.IsZero() {
		q.Set("after", f.After.Format(time.RFC3339Nano))
	}
	if f.Timeout > 0 {
		q.Set("timeout", f.Timeout.String())
	}
	if f.AllUsers {
		q.Set("users", "all")
	}
	if f.UserID != nil {
		q.Set("user-id", strconv.FormatUint(uint64(*f.UserID), 10))
	}
	var out []Notice
	err := c.get(ctx, "/v1/notices", q, &out)
	return out, err
}

// Notice returns one notice.
func (c *Client) Notice(ctx context.Context, id string) (Notice, error) {
	var out Notice
	err := c.get(ctx, "/v1/notices/"+url.PathEscape(id), nil, &out)
	return out, err
}
