package secretsmanager

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"

	"airlock/local/iam"
	"airlock/local/template"
)

func TestRotateSecretRefusals(t *testing.T) {
	t.Parallel()
	rules := func(r types.RotationRulesType) func(*sdk.RotateSecretInput) {
		return func(in *sdk.RotateSecretInput) { in.RotationRules = &r }
	}
	expression := func(e string) func(*sdk.RotateSecretInput) {
		return rules(types.RotationRulesType{ScheduleExpression: &e})
	}
	for _, test := range []struct {
		name          string
		change        func(*sdk.RotateSecretInput)
		code, message string
	}{
		{"no such secret", func(in *sdk.RotateSecretInput) { in.SecretId = aws.String("x") }, "ResourceNotFoundException", "the specified secret."},
		{"a short token", func(in *sdk.RotateSecretInput) { in.ClientRequestToken = aws.String("x") }, "ValidationException", "clientRequestToken"},
		{"no function", func(in *sdk.RotateSecretInput) { in.RotationLambdaARN = nil }, "InvalidRequestException", "No Lambda rotation function ARN is associated with this secret."},
		{"an ARN too long", func(in *sdk.RotateSecretInput) { in.RotationLambdaARN = aws.String(strings.Repeat("a", 2049)) }, "ValidationException", "rotationLambdaARN"},
		{"no rules", func(in *sdk.RotateSecretInput) { in.RotationRules = nil }, "InvalidParameterException", "either AutomaticallyAfterDays or ScheduleExpression"},
		{"empty rules", rules(types.RotationRulesType{}), "InvalidParameterException", "either"},
		{"both rules", rules(types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(1), ScheduleExpression: aws.String("rate(1 day)")}), "InvalidParameterException", "not both"},
		{"no days", rules(types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(0)}), "ValidationException", "automaticallyAfterDays"},
		{"1,001 days", rules(types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(1001)}), "ValidationException", "less than or equal to 1000"},
		{"cron", expression("cron(0 8 1 * ? *)"), "InvalidParameterException", "rate()"},
		{"minutes", expression("rate(5 minutes)"), "InvalidParameterException", "rate()"},
		{"no number", expression("rate(days)"), "InvalidParameterException", "rate()"},
		{"three hours", expression("rate(3 hours)"), "InvalidParameterException", "every 4 hours"},
		{"years", expression("rate(99999 days)"), "InvalidParameterException", "every 1000 days"},
		{"a window without a unit", rules(types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(1), Duration: aws.String("30")}), "InvalidParameterException", "Duration"},
		{"a window of nothing", rules(types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(1), Duration: aws.String("0h")}), "InvalidParameterException", "window"},
		{"a window into the next day", rules(types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(2), Duration: aws.String("25h")}), "InvalidParameterException", "window"},
		{"a window into the next one", rules(types.RotationRulesType{ScheduleExpression: aws.String("rate(4 hours)"), Duration: aws.String("5h")}), "InvalidParameterException", "window"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newRotationStand(t)
				before, err := s.read(keyName)
				if err != nil {
					t.Fatal(err)
				}
				wantError(t, s.rotateNow(t, tokenA, test.change), test.code, test.message)
				after, err := s.read(keyName)
				if diff := cmp.Diff(before, after); diff != "" || err != nil {
					t.Errorf("the refused call changed (-before +after, %v):\n%s", err, diff)
				}
				if got := s.taken(); got != "" {
					t.Errorf("the refused call made the steps %s", got)
				}
			})
		})
	}
}

// Cancelled in the middle of a step, a rotation makes no other; its version
// keeps the label, and blocks until someone takes that away.
func TestCancelRotateSecret(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRotationStand(t)
		if _, err := s.Put(keyName, "first"); err != nil {
			t.Fatal(err)
		}
		cancel := func() (*sdk.CancelRotateSecretOutput, error) {
			return s.client.CancelRotateSecret(t.Context(), &sdk.CancelRotateSecretInput{SecretId: aws.String(keyName)})
		}
		_, err := cancel()
		wantError(t, err, "InvalidRequestException", "doesn't have a Lambda function ARN configured")

		s.failWith(func(step string, done bool) error {
			if step != "setSecret" || !done {
				return nil
			}
			out, err := cancel()
			if err == nil && (*out.ARN != keyARN || *out.Name != keyName || *out.VersionId != tokenA) {
				err = errors.New("another secret or version was cancelled")
			}
			if err != nil {
				t.Errorf("CancelRotateSecret = %+v, %v", out, err)
			}
			return nil
		})
		if err := s.rotateNow(t, tokenA, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * day)
		if got, want := s.taken(), "createSecret aaaa 0s; setSecret aaaa 0s"; got != want {
			t.Errorf("steps = %s, want %s", got, want)
		}
		d := s.describe(t)
		if *d.RotationEnabled || *d.RotationLambdaARN != functionARN || *d.RotationRules.AutomaticallyAfterDays != 90 ||
			d.NextRotationDate != nil || d.LastRotatedDate != nil || !cmp.Equal(d.VersionIdsToStages[tokenA], []string{stagePending}) {
			t.Errorf("DescribeSecret = %+v", d)
		}
		if again, err := cancel(); err != nil || again.VersionId != nil {
			t.Errorf("CancelRotateSecret again = %+v, %v", again, err)
		}

		s.failWith(nil)
		wantError(t, s.rotateNow(t, tokenB, nil), "InvalidRequestException", "A previous rotation isn't complete.")
		if got := s.taken(); got != "" {
			t.Errorf("a cancelled rotation went on: %s", got)
		}
		s.clearPending(t, tokenA)
		began := time.Since(s.began)
		// What was configured once need not be said again.
		err = s.rotateNow(t, tokenB, func(in *sdk.RotateSecretInput) { in.RotationLambdaARN, in.RotationRules = nil, nil })
		if err != nil {
			t.Fatal(err)
		}
		if got, want := s.taken(), four("bbbb", began); got != want {
			t.Errorf("steps = %s, want %s", got, want)
		}
		if d := s.describe(t); !*d.RotationEnabled || d.NextRotationDate.Before(time.Now().Add(89*day)) {
			t.Errorf("DescribeSecret = %+v, want a next date", d)
		}

		// Turned off and on again, it counts from then, though nothing is rotated.
		if _, err := cancel(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(80 * day)
		err = s.rotateNow(t, tokenC, func(in *sdk.RotateSecretInput) {
			in.RotationLambdaARN, in.RotationRules, in.RotateImmediately = nil, nil, aws.Bool(false)
		})
		if d := s.describe(t); err != nil || d.NextRotationDate.Before(time.Now().Add(89*day)) {
			t.Errorf("DescribeSecret = %+v, %v, want a date ninety days from now", d, err)
		}
	})
}

// A label left where it doesn't belong holds a scheduled rotation up, too.
func TestScheduledRotationIsBlocked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRotationStand(t)
		if err := s.rotateNow(t, tokenA, nil); err != nil {
			t.Fatal(err)
		}
		s.taken()
		if _, err := s.Put(keyName, "by hand"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(92 * day)
		if got := s.taken(); got != "" {
			t.Errorf("steps = %s, want none", got)
		}
		if d := s.describe(t); !d.NextRotationDate.Before(time.Now()) {
			t.Errorf("NextRotationDate = %v, want a date in the past", d.NextRotationDate)
		}
		s.clearPending(t, tokenA)
		time.Sleep(day)
		if got, want := s.taken(), four(s.current(t), 93*day); got != want {
			t.Errorf("steps = %s, want %s", got, want)
		}
	})
}

// Whoever takes both labels from a pending version has given its rotation up.
func TestRotationIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRotationStand(t)
		s.failWith(failing(1000, "testSecret", false))
		if err := s.rotateNow(t, tokenA, nil); err != nil {
			t.Fatal(err)
		}
		s.taken()
		s.clearPending(t, tokenA)
		time.Sleep(30 * day)
		if got := s.taken(); got != "" {
			t.Errorf("steps = %s, want none", got)
		}
		s.failWith(nil)
		if err := s.rotateNow(t, tokenB, nil); err != nil {
			t.Errorf("RotateSecret = %v", err)
		}
	})
}

// Schedule does at each start of the stack what CloudFormation does once.
func TestSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newRotationStand(t)
		wanted := template.Rotation{SecretARN: "x", FunctionARN: functionARN, ScheduleExpression: "rate(90 days)", Duration: "3h"}
		if err := s.Schedule(wanted); err == nil {
			t.Error("Schedule takes a secret that doesn't exist")
		}
		wanted.SecretARN = keyARN
		for range 2 {
			if err := s.Schedule(wanted); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if got := s.taken(); strings.Count(got, "Secret ") != 1 || !strings.HasPrefix(got, "testSecret ") {
			t.Errorf("steps = %s, want one test", got)
		}
		d := s.describe(t)
		if next := s.began.Add(90*day + 3*time.Hour - time.Second); !d.NextRotationDate.Equal(next) ||
			*d.RotationRules.ScheduleExpression != "rate(90 days)" || *d.RotationRules.Duration != "3h" || *d.RotationRules.AutomaticallyAfterDays != 90 {
			t.Errorf("DescribeSecret = %+v, want the next date %v", d, next)
		}
		wanted.Immediately, wanted.Duration = true, ""
		if err := s.Schedule(wanted); err != nil {
			t.Fatal(err)
		}
		if got, want := s.taken(), four(s.current(t), 0); got != want {
			t.Errorf("steps = %s, want %s", got, want)
		}
		// While a rotation has not ended, the rules change and nothing is begun.
		s.failWith(failing(1000, "createSecret", false))
		if err := s.rotateNow(t, tokenA, nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s.taken()
		wanted.ScheduleExpression = "rate(30 days)"
		if err := s.Schedule(wanted); err != nil {
			t.Fatal(err)
		}
		if got := s.taken(); got != "" || *s.describe(t).RotationRules.ScheduleExpression != "rate(30 days)" {
			t.Errorf("steps = %q, rules %+v, want no step and the new rules", got, s.describe(t).RotationRules)
		}
		wanted.ScheduleExpression = "cron(0 8 1 * ? *)"
		wantCode(t, s.Schedule(wanted), "InvalidParameterException")
	})
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var r *refusal
	if !errors.As(err, &r) || r.code != code {
		t.Errorf("error = %v, want %s", err, code)
	}
}

func TestScheduleAfter(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		parsed, err := time.Parse(time.DateTime, text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for _, test := range []struct {
		rules          rules
		last, due, end string
	}{
		{rules{AutomaticallyAfterDays: 90}, "2026-01-01 10:30:00", "2026-04-01 10:30:00", "2026-04-01 23:59:59"},
		{rules{AutomaticallyAfterDays: 1}, "2026-02-28 00:00:00", "2026-03-01 00:00:00", "2026-03-01 23:59:59"},
		{rules{AutomaticallyAfterDays: 1, Duration: "3h"}, "2026-01-01 10:30:00", "2026-01-02 02:59:59", "2026-01-02 02:59:59"},
		{rules{AutomaticallyAfterDays: 1, Duration: "24h"}, "2026-01-01 23:59:59", "2026-01-02 23:59:59", "2026-01-02 23:59:59"},
		{rules{ScheduleExpression: "rate(1 day)"}, "2026-01-01 10:30:00", "2026-01-02 10:30:00", "2026-01-02 23:59:59"},
		{rules{ScheduleExpression: "rate(4 hours)"}, "2026-01-01 22:30:00", "2026-01-02 02:30:00", "2026-01-02 02:59:59"},
		{rules{ScheduleExpression: "rate(4 hours)", Duration: "2h"}, "2026-01-01 10:30:00", "2026-01-01 14:30:00", "2026-01-01 15:59:59"},
	} {
		s, err := test.rules.parse()
		if err != nil {
			t.Errorf("parse(%+v) = %v", test.rules, err)
			continue
		}
		// The place on earth must not matter.
		last := at(test.last).In(time.FixedZone("there", 9*3600+1800))
		if due, end := s.after(last); !due.Equal(at(test.due)) || !end.Equal(at(test.end)) {
			t.Errorf("after(%+v, %s) = %v, %v, want %s, %s", test.rules, test.last, due.UTC(), end.UTC(), test.due, test.end)
		}
	}
}

// A policy can bind what RotateSecret may configure.
func TestRotateSecretPolicy(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	policy, err := iam.ParsePolicy(map[string]any{
		"Version": "2012-10-17",
		"Statement": map[string]any{
			"Effect": "Allow", "Action": "secretsmanager:*RotateSecret", "Resource": "*",
			"Condition": map[string]any{"StringEqualsIfExists": map[string]any{"secretsmanager:RotationLambdaARN": functionARN}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	client := s.client(s.iam.Issue(&iam.Principal{Name: "deployer", ARN: "arn:aws:iam::123456789012:role/deployer", Policies: []iam.Policy{policy}}, time.Hour))
	for _, test := range []struct {
		function, code, message string
	}{
		{functionARN, "AccessDeniedException", "cannot invoke the specified Lambda function"}, // allowed, but there is no function here
		{functionARN + "X", "AccessDeniedException", "is not authorized to perform: secretsmanager:RotateSecret"},
	} {
		_, err := client.RotateSecret(t.Context(), &sdk.RotateSecretInput{SecretId: aws.String(keyName), RotationLambdaARN: &test.function})
		wantError(t, err, test.code, test.message)
	}
}
