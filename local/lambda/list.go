package lambda

import (
	"encoding/json"
	"net/http"
	"strconv"
)

const maxPage = 50 // "ListFunctions"

// configuration is a FunctionConfiguration, without what has no meaning here
// (code size and hash, revision, the time of the last change).
type configuration struct {
	FunctionName string
	FunctionArn  string
	Runtime      string
	Role         string
	Handler      string
	Timeout      int // seconds
	MemorySize   int // MB
	Version      string
	PackageType  string
	Environment  struct{ Variables map[string]string }
}

func (f *function) configuration() configuration {
	c := configuration{
		FunctionName: f.Name,
		FunctionArn:  f.ARN,
		Runtime:      "provided.al2023",
		Role:         f.RoleARN,
		Handler:      "bootstrap",
		Timeout:      int(f.Timeout.Seconds()),
		MemorySize:   f.MemoryMB,
		Version:      version,
		PackageType:  "Zip",
	}
	c.Environment.Variables = f.Environment
	return c
}

// serveList is ListFunctions, page by page. A marker is the index of the first
// function of its page.
func (s *Service) serveList(w http.ResponseWriter, r *http.Request) {
	if err := s.authorize(r, nil, "lambda:ListFunctions", "*"); err != nil {
		writeError(w, err)
		return
	}
	first, size := 0, maxPage
	for name, values := range r.URL.Query() {
		var err error
		switch value := values[0]; {
		case name == "Marker":
			first, err = strconv.Atoi(value)
			if err != nil || first < 0 || first > len(s.functions) {
				writeError(w, invalidParameter("Invalid Marker."))
				return
			}
		case name == "MaxItems":
			size, err = strconv.Atoi(value)
			if err != nil || size < 1 {
				writeError(w, invalidParameter("MaxItems is not a positive number."))
				return
			}
			size = min(size, maxPage)
		case name == "FunctionVersion" && value == "ALL":
			// $LATEST is all there is.
		default:
			writeError(w, invalidParameter("Unknown value of the parameter "+name+"."))
			return
		}
	}

	var page struct {
		Functions  []configuration
		NextMarker string `json:",omitempty"`
	}
	last := min(first+size, len(s.functions))
	page.Functions = make([]configuration, 0, last-first)
	for _, f := range s.functions[first:last] {
		page.Functions = append(page.Functions, f.configuration())
	}
	if last < len(s.functions) {
		page.NextMarker = strconv.Itoa(last)
	}
	w.Header().Set("Content-Type", "application/json")
	// A caller that hangs up gets nothing.
	_ = json.NewEncoder(w).Encode(page)
}
