package smoke_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"airlock/local/smoke"
	"airlock/local/story"
)

func TestSmoke(t *testing.T) {
	d := deploy(t)
	t.Run("held", func(t *testing.T) { testHeld(t, d) })
	t.Run("deviations", func(t *testing.T) { testDeviations(t, d) })
	t.Run("interrupted", func(t *testing.T) { testInterrupted(t, d) })
	t.Run("bucket refuses", func(t *testing.T) { testBucketRefuses(t, d) })
	t.Run("late event", func(t *testing.T) { testLateEvent(t, d) })
	t.Run("not to be played", func(t *testing.T) { testPreconditions(t, d) })
}

func testHeld(t *testing.T, d *deployment) {
	const noScope = "the operator's story: nobody has the scope airlock/read.any; "
	alice := d.pool.sign(t, map[string]any{"sub": "alice"})
	bob := d.pool.sign(t, map[string]any{"sub": "bob", "scope": []string{"openid", "airlock/read.anything"}})
	refusals := 3
	for _, tt := range []struct {
		name string
		test
		sum     string
		skipped []string
		made    int // users
	}{
		{
			"users and a machine",
			test{outputs: d.withMachine, parameters: map[string]string{"ReadAnyScope": "airlock/read.any"}},
			"all as it should be: 13 steps, 16 refusals", nil, 2,
		},
		{
			"users",
			test{outputs: d.withUsers},
			"what was tried is as it should be: 9 steps, 15 refusals",
			[]string{noScope + "deploy the stack with MachineClient=true"},
			2,
		},
		{
			"TOKEN",
			test{options: smoke.Options{Token: alice}},
			"what was tried is as it should be: 9 steps, 14 refusals",
			[]string{
				"bob asks for alice's file: no token for bob: give TOKEN_OTHER, another user's",
				noScope + "a stack with a user pool of its own has a client for it with MachineClient=true",
			},
			0,
		},
		{
			"TOKEN and TOKEN_OTHER",
			test{options: smoke.Options{Token: alice, OtherToken: bob}, status: "UPDATE_ROLLBACK_COMPLETE"},
			"what was tried is as it should be: 9 steps, 15 refusals",
			[]string{noScope + "a stack with a user pool of its own has a client for it with MachineClient=true"},
			0,
		},
		{
			"TOKEN and TOKEN_OTHER, and a machine",
			test{outputs: d.withMachine, options: smoke.Options{Token: alice, OtherToken: bob}},
			"all as it should be: 13 steps, 16 refusals", nil, 0,
		},
		{
			"a key group on its way",
			test{
				outputs: d.withMachine, options: smoke.Options{Patience: story.Patience{Edge: 3 * time.Second}},
				instead: func(service string, w http.ResponseWriter, _ *http.Request) bool {
					if service != "cdn" || refusals == 0 {
						return false
					}
					refusals--
					return refuse(w, "CloudFront", "<Error><Code>InvalidKey</Code><Message>Unknown Key</Message></Error>")
				},
			},
			"all as it should be: 13 steps, 16 refusals", nil, 2,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			made := d.pool.made
			told, err := d.run(t, t.Context(), tt.test)
			if err != nil || !strings.Contains(told, "\n"+tt.sum+", ") {
				t.Errorf("Run = %v, want success and %q:\n%s", err, tt.sum, told)
			}
			var skipped []string
			if _, list, ok := strings.Cut(told, "\nSKIPPED, so nobody knows:\n"); ok {
				for line := range strings.Lines(list) {
					skipped = append(skipped, strings.TrimSpace(line))
				}
			}
			if diff := gocmp.Diff(tt.skipped, skipped); diff != "" {
				t.Errorf("skipped (-want +got):\n%s", diff)
			}
			if d.pool.made-made != tt.made {
				t.Errorf("%d users were made, want %d", d.pool.made-made, tt.made)
			}
			if waited := strings.Count(told, "waiting: the CDN answers 403 InvalidKey; a new key group takes minutes"); waited != 0 != (tt.instead != nil) || waited > 1 {
				t.Errorf("told of waiting %d times:\n%s", waited, told)
			}
			d.checkClean(t)
		})
	}
}

func testPreconditions(t *testing.T, d *deployment) {
	plain := d.pool.sign(t, map[string]any{"sub": "alice"})
	other := d.pool.sign(t, map[string]any{"sub": "alice", "jti": "another"})
	reader := d.pool.sign(t, map[string]any{"sub": "carol", "scope": "openid airlock/read.any"})
	list := d.pool.sign(t, map[string]any{"sub": "carol", "scp": []string{"airlock/read.any"}})
	const noToken = "airlock: the stack has no user pool of its own: give TOKEN, a user's access token, and TOKEN_OTHER, another user's\n"
	const lacks = ": deploy template.yaml as it is now, or name a stack made of it\n"
	const again = ": its events say why; mend that and deploy it again\n"
	for _, tt := range []struct {
		name string
		test
		want string
	}{
		{"no such stack", test{options: smoke.Options{Stack: "another"}}, "airlock: there is no stack another in eu-central-1: deploy it, or set AWS_REGION and AWS_PROFILE to where it is\n"},
		{"rolled back", test{status: "ROLLBACK_COMPLETE"}, "airlock: the stack filestack is in ROLLBACK_COMPLETE" + again},
		{"failed", test{status: "UPDATE_ROLLBACK_FAILED"}, "airlock: the stack filestack is in UPDATE_ROLLBACK_FAILED" + again},
		{"rolling back", test{status: "ROLLBACK_IN_PROGRESS"}, "airlock: the stack filestack is in ROLLBACK_IN_PROGRESS: wait until that has ended\n"},
		{"deleted", test{status: "DELETE_COMPLETE"}, "airlock: the stack filestack is in DELETE_COMPLETE: deploy it\n"},
		{"no outputs", test{outputs: map[string]string{"BucketName": "", "SigningHash": ""}}, "airlock: the stack filestack lacks the outputs BucketName, SigningHash" + lacks},
		{"no client", test{outputs: map[string]string{"UserPoolId": d.pool.id}}, "airlock: the stack filestack lacks the outputs UserPoolClientId" + lacks},
		{"no token URL", test{outputs: map[string]string{"UserPoolId": d.pool.id, "UserPoolClientId": d.pool.app, "MachineClientId": d.pool.machine}}, "airlock: the stack filestack lacks the outputs TokenUrl" + lacks},
		{"no tokens", test{}, noToken},
		{"no TOKEN", test{outputs: d.withUsers, options: smoke.Options{OtherToken: plain}}, "airlock: TOKEN_OTHER is a second user's token: give the first one's, TOKEN, too\n"},
		{"one user", test{options: smoke.Options{Token: plain, OtherToken: other}}, "airlock: TOKEN and TOKEN_OTHER are tokens of one user: give another user's\n"},
		{"TOKEN reads any", test{options: smoke.Options{Token: reader}}, "airlock: TOKEN has the scope airlock/read.any, to which nothing is refused: give one without\n"},
		{"TOKEN_OTHER reads any", test{options: smoke.Options{Token: plain, OtherToken: list}}, "airlock: TOKEN_OTHER has the scope airlock/read.any, to which nothing is refused: give one without\n"},
		{"TOKEN is none", test{options: smoke.Options{Token: strings.Replace(plain, ".", "", 1)}}, "airlock: TOKEN is no JSON web token\n"},
		{"TOKEN is damaged", test{options: smoke.Options{Token: strings.Replace(plain, ".", ".%", 1)}}, "airlock: TOKEN is no JSON web token\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if told, err := d.run(t, t.Context(), tt.test); err == nil || !strings.HasSuffix("\n"+told, "\n"+tt.want) {
				t.Errorf("Run = %v, want %q:\n%s", err, tt.want, told)
			}
		})
	}
	t.Run("no region", func(t *testing.T) {
		t.Setenv("AWS_REGION", "")
		if told, err := d.run(t, t.Context(), test{}); err == nil || told != "airlock: which region? Set AWS_REGION, or AWS_PROFILE to a profile that has one\n" {
			t.Errorf("Run = %v:\n%s", err, told)
		}
	})
	if err := smoke.Run(t.Context(), io.Discard, smoke.Options{}); err == nil || err.Error() != "which stack? STACK is its name" {
		t.Errorf("Run of no stack = %v", err)
	}
	d.checkClean(t)
}
