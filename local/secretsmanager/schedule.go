package secretsmanager

import (
	"regexp"
	"strconv"
	"time"
)

// Limits of RotationRules ("Schedule expressions in Secrets Manager rotation"
// and RotationRulesType): a thousand days at most, four hours at least.
const (
	maxRotationDays  = 1000
	minRotationHours = 4
	day              = 24 * time.Hour
)

var (
	rateExpression = regexp.MustCompile(`^rate\(([0-9]{1,5}) (hour|hours|day|days)\)$`)
	windowLength   = regexp.MustCompile(`^([0-9]{1,2})h$`)
)

// rules are RotationRules as they came and as they are stored.
type rules struct {
	AutomaticallyAfterDays int    `json:",omitempty"`
	Duration               string `json:",omitempty"`
	ScheduleExpression     string `json:",omitempty"`
}

// schedule is what rules mean.
type schedule struct {
	interval time.Duration
	unit     time.Duration // a day or an hour: where windows begin
	window   time.Duration
}

// parse holds rules to what AWS documents. cron() is known there, not here.
func (r rules) parse() (schedule, error) {
	var s schedule
	switch {
	case (r.AutomaticallyAfterDays != 0) == (r.ScheduleExpression != ""):
		return schedule{}, invalidParameter("You must specify either AutomaticallyAfterDays or ScheduleExpression in RotationRules, but not both.")
	case r.ScheduleExpression == "":
		s = schedule{interval: time.Duration(r.AutomaticallyAfterDays) * day, unit: day}
	default:
		m := rateExpression.FindStringSubmatch(r.ScheduleExpression)
		if m == nil {
			return schedule{}, invalidParameter("The ScheduleExpression is not a rate() in hours or days, which is all that is supported.")
		}
		s.unit = day
		if m[2][0] == 'h' {
			s.unit = time.Hour
		}
		n, _ := strconv.Atoi(m[1]) // at most five digits
		s.interval = time.Duration(n) * s.unit
	}
	if s.interval < minRotationHours*time.Hour || s.interval > maxRotationDays*day {
		return schedule{}, invalidParameter("A secret is rotated every %d hours at the most and every %d days at the least.", minRotationHours, maxRotationDays)
	}
	s.window = s.unit
	if r.Duration != "" {
		m := windowLength.FindStringSubmatch(r.Duration)
		if m == nil {
			return schedule{}, invalidParameter("The Duration is not a number of hours such as 3h.")
		}
		n, _ := strconv.Atoi(m[1])
		s.window = time.Duration(n) * time.Hour
	}
	if s.window <= 0 || s.window > min(s.interval, day) {
		return schedule{}, invalidParameter("The rotation window must not extend into the next window or the next UTC day.")
	}
	return s, nil
}

// after is when the next rotation begins and when its window ends, which is
// NextRotationDate. AWS begins at any time of the window; here it is a whole
// interval after the last one, or the window's end where that comes first.
func (s schedule) after(last time.Time) (due, end time.Time) {
	due = last.Add(s.interval)
	// Truncate counts from a midnight in UTC.
	if end = due.Truncate(s.unit).Add(s.window - time.Second); due.After(end) {
		due = end
	}
	return due, end
}
