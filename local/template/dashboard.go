package template

import (
	"bytes"
	"encoding/json"
	"regexp"
)

var statistic = regexp.MustCompile(`^(Sum|Maximum|Minimum|Average|SampleCount|p[0-9]{1,2})$`)

// dashboardBody is of "Dashboard body structure and syntax" (Amazon CloudWatch
// API Reference) what the template uses. CreateDashboard takes what it does
// not know with a warning that CloudFormation drops: so it is refused here.
type dashboardBody struct {
	Widgets []struct {
		Type       string `json:"type"`
		Width      int    `json:"width"`
		Height     int    `json:"height"`
		Properties struct {
			Title   string  `json:"title"`
			Region  string  `json:"region"`
			Stat    string  `json:"stat"`
			Period  int     `json:"period"`
			Metrics [][]any `json:"metrics"`
		} `json:"properties"`
	} `json:"widgets"`
}

// readDashboard reads an AWS::CloudWatch::Dashboard of graphs.
func (l *loader) readDashboard(r *resource, o *object) {
	d := Dashboard{LogicalID: r.id, Name: l.attributeText(r, "")}
	at := o.get("DashboardBody").required()
	var body dashboardBody
	decoder := json.NewDecoder(bytes.NewReader([]byte(at.text())))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		if at.readable() {
			at.problem("not a dashboard known here: %v", err)
		}
		return
	}
	for _, w := range body.Widgets {
		p := w.Properties
		switch {
		case w.Type != "metric":
			at.problem("%s: widgets of the type metric are known", p.Title)
		case p.Region != l.options.Region:
			at.problem("%s: region %q is not the stack's", p.Title, p.Region)
		case p.Period <= 0 || p.Period%60 != 0:
			at.problem("%s: the period must be whole minutes", p.Title)
		// The grid is 24 wide.
		case w.Width < 1 || w.Width > 24 || w.Height < 1:
			at.problem("%s: has no size", p.Title)
		}
		graph := Graph{Title: p.Title}
		for _, parts := range p.Metrics {
			graph.Lines = append(graph.Lines, l.line(at, p.Title, p.Stat, parts))
		}
		d.Graphs = append(d.Graphs, graph)
	}
	l.stack.Dashboards = append(l.stack.Dashboards, d)
}

// line reads [namespace, metric, dimension, value], and {"stat": …} as a fifth
// where it is not the graph's own.
func (l *loader) line(at cursor, title, stat string, parts []any) Line {
	var texts [4]string
	line := Line{Statistic: stat}
	for i, part := range parts {
		s, isText := part.(string)
		options, isOptions := part.(map[string]any)
		own, hasStat := options["stat"].(string)
		switch {
		case isText && i < len(texts):
			texts[i] = s
		case isOptions && i == len(texts) && hasStat && len(options) == 1:
			line.Statistic = own
		default:
			at.problem("%s: %v is not known in a metric", title, part)
		}
	}
	if !statistic.MatchString(line.Statistic) {
		at.problem("%s: %q is not known as a statistic", title, line.Statistic)
	}
	line.Metric = Metric{Namespace: texts[0], Name: texts[1], Dimension: texts[2], Of: texts[3]}
	l.checkMetric(line.Metric, at, at, at)
	return line
}
