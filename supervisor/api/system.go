package api

import "net/http"

type systemInfo struct {
	BootID       string `json:"boot-id"`
	Version      string `json:"version"`
	HTTPAddress  string `json:"http-address,omitempty"`
	HTTPSAddress string `json:"https-address,omitempty"`
}

func getSystemInfo(s *Server, _ *http.Request) response {
	return ok(systemInfo{
		BootID: s.cfg.BootID, Version: s.cfg.Version, HTTPAddress: s.cfg.HTTPAddress, HTTPSAddress: s.cfg.HTTPSAddress,
	})
}
