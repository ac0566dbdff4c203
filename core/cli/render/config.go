package render

import (
	"strconv"
	"strings"

	clientv1 "github.com/bangle-dev/bangle/sdk/proto/gen/client/v1"
	controllerv1 "github.com/bangle-dev/bangle/sdk/proto/gen/controller/v1"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// ConfigPart is `config APP` in YAML and JSON.
type ConfigPart struct {
	Application string                `json:"application" yaml:"application"`
	AppConfig   map[string]OptionPart `json:"application-config" yaml:"application-config"`
	Charm       string                `json:"charm" yaml:"charm"`
	Settings    map[string]OptionPart `json:"settings" yaml:"settings"`
}

// OptionPart is one option; Default and Value are left out when there is none.
type OptionPart struct {
	Default     any    `json:"default,omitempty" yaml:"default,omitempty"`
	Description string `json:"description" yaml:"description"`
	Source      string `json:"source" yaml:"source"`
	Type        string `json:"type" yaml:"type"`
	Value       any    `json:"value,omitempty" yaml:"value,omitempty"`
}

// Config is the options of an application in Juju's shape. trust stands apart, since it is no option of the charm.
func Config(c *clientv1.GetConfigResponse) ConfigPart {
	out := ConfigPart{Application: c.GetApplication(), Charm: c.GetCharm(), Settings: map[string]OptionPart{}, AppConfig: map[string]OptionPart{
		"trust": {Default: false, Description: "Whether the application has the permissions that its charm declares.", Source: source(c.GetTrust()), Type: "bool", Value: c.GetTrust()},
	}}
	for _, o := range c.GetOptions() {
		out.Settings[o.GetName()] = OptionPart{Default: ConfigValue(o.GetDefaultValue()), Description: o.GetDescription(), Source: o.GetSource(), Type: o.GetType(), Value: ConfigValue(o.GetValue())}
	}
	return out
}

func source(set bool) string {
	if set {
		return "user"
	}
	return "default"
}

// ConfigValue is the Go value of an option, nil when it has none.
func ConfigValue(v *hookv1.ConfigValue) any {
	switch v.GetValue().(type) {
	case *hookv1.ConfigValue_StringValue:
		return v.GetStringValue()
	case *hookv1.ConfigValue_IntValue:
		return v.GetIntValue()
	case *hookv1.ConfigValue_FloatValue:
		return v.GetFloatValue()
	case *hookv1.ConfigValue_BoolValue:
		return v.GetBoolValue()
	}
	return nil
}

// ConfigText is an option's value as text, as `config APP KEY` prints it and as a deploy takes it.
func ConfigText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return ""
}

// Directive is a storage directive as bundles have it: "pool,2,1024M".
func Directive(d *controllerv1.StorageDirective) string {
	var parts []string
	if d.GetPool() != "" {
		parts = append(parts, d.GetPool())
	}
	if d.GetCount() > 0 {
		parts = append(parts, strconv.FormatUint(uint64(d.GetCount()), 10))
	}
	if d.GetSizeBytes() > 0 {
		parts = append(parts, strconv.FormatInt((d.GetSizeBytes()+1<<20-1)>>20, 10)+"M")
	}
	return strings.Join(parts, ",")
}
