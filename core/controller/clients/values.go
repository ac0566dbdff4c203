package clients

import (
	"fmt"

	"github.com/bangle-dev/bangle/core/charm/config"
	hookv1 "github.com/bangle-dev/bangle/sdk/proto/gen/hook/v1"
)

// toValue makes the stored form of an option's value; nil for "not set".
func toValue(v any) *hookv1.ConfigValue {
	switch v := v.(type) {
	case string:
		return &hookv1.ConfigValue{Value: &hookv1.ConfigValue_StringValue{StringValue: v}}
	case int64:
		return &hookv1.ConfigValue{Value: &hookv1.ConfigValue_IntValue{IntValue: v}}
	case int:
		return &hookv1.ConfigValue{Value: &hookv1.ConfigValue_IntValue{IntValue: int64(v)}}
	case float64:
		return &hookv1.ConfigValue{Value: &hookv1.ConfigValue_FloatValue{FloatValue: v}}
	case bool:
		return &hookv1.ConfigValue{Value: &hookv1.ConfigValue_BoolValue{BoolValue: v}}
	case nil:
		return nil
	}
	return &hookv1.ConfigValue{Value: &hookv1.ConfigValue_StringValue{StringValue: fmt.Sprint(v)}}
}

// fromValue is the inverse of toValue.
func fromValue(v *hookv1.ConfigValue) any {
	switch x := v.GetValue().(type) {
	case *hookv1.ConfigValue_StringValue:
		return x.StringValue
	case *hookv1.ConfigValue_IntValue:
		return x.IntValue
	case *hookv1.ConfigValue_FloatValue:
		return x.FloatValue
	case *hookv1.ConfigValue_BoolValue:
		return x.BoolValue
	}
	return nil
}

// toValues makes the stored form of set values; those not set are left out.
func toValues(values config.Values) map[string]*hookv1.ConfigValue {
	out := map[string]*hookv1.ConfigValue{}
	for name, v := range values {
		if stored := toValue(v); stored != nil {
			out[name] = stored
		}
	}
	return out
}
