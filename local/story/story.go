// Package story is what Airlock is for, as a list of steps that can be played
// against a running stack, embedded or on AWS: a file goes in by one door and
// comes out by the other, and everything else is refused.
//
// The steps know the product by its wire contract alone. They are safe to play
// again and again: each playing works on keys of its own.
package story

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Target is the stack the story is played against.
type Target struct {
	API string // https://….execute-api.….amazonaws.com
	CDN string // https://….cloudfront.net

	// Token gets an access token for alice, bob or the operator. A step for whom
	// there is none is skipped: ErrNoToken.
	Token func(ctx context.Context, subject string, scopes ...string) (string, error)
	// Recorded says whether the catalog has a row for a key.
	Recorded func(ctx context.Context, objectKey string) (bool, error)

	// Operator is an S3 client with an operator's permissions.
	Operator *s3.Client
	Bucket   string
	// OperatorKey is the object key of the operator's own file. What lies there is
	// replaced.
	OperatorKey  string
	ReadAnyScope string

	Patience Patience
	// Stores is told of every key under which a step is about to store something,
	// also where that must be refused; nil: nobody.
	Stores func(objectKey string)
	// Waits is told what is waited for, if for long; nil: nobody.
	Waits func(what string)
}

// Patience is for a stack whose parts are far apart. The zero value is for one
// machine.
type Patience struct {
	Row  time.Duration // from S3's answer to the row in the catalog; 0 is 20 s
	Poll time.Duration // from one look for the row to the next; 0 is 5 ms
	Edge time.Duration // that the CDN may refuse good signatures; 0 is not at all
	Skew time.Duration // between the clock that grants and the one that refuses
}

// ErrNoToken is in the error of a Target's Token that has none for a user.
var ErrNoToken = errors.New("no token")

// ErrSignatureRefused is in Play's error if the CDN itself refused a signed URL
// that nobody had touched: S3 was not asked.
var ErrSignatureRefused = errors.New("the CDN refuses the signature")

// Step is one thing that must happen, or one that must be refused.
type Step struct {
	Name    string
	Refusal bool
	// run returns what was answered, in a few words, or an error at the first
	// deviation.
	run func(context.Context, *player) (string, error)
}

// Result is a step that was played and held, or that was skipped.
type Result struct {
	Step
	Answer  string // may hold a signed URL; of a step that was skipped, why
	Took    time.Duration
	Skipped bool
}

// String is a line for a person.
func (r Result) String() string {
	mark := "ok"
	switch {
	case r.Skipped:
		mark = "SKIPPED"
	case r.Refusal:
		mark = "refused"
	}
	return fmt.Sprintf("  %-7s %6d ms  %-50s %s", mark, r.Took.Round(time.Millisecond).Milliseconds(), r.Name, r.Answer)
}

// Summary counts what held. What was skipped is not in it.
type Summary struct {
	Steps    int // refusals not among them
	Refusals int
	Took     time.Duration
}

// Add returns the sum of two playings.
func (s Summary) Add(o Summary) Summary {
	return Summary{s.Steps + o.Steps, s.Refusals + o.Refusals, s.Took + o.Took}
}

// player carries what earlier steps found to later ones.
type player struct {
	Target
	http *http.Client

	alice, bob, reader string // tokens
	hello, victim      grant
	shortPut           grant
	signed, shortURL   string
	shortLived         time.Time // when the short-lived URLs are surely over
	stored             time.Time // when S3 answered the last PUT
}

// Play runs steps in order, reports each, and stops at the first deviation. Its
// errors hold no credential.
func Play(ctx context.Context, t Target, steps []Step, report func(Result)) (Summary, error) {
	p := &player{Target: t, http: &http.Client{
		// Loopback is reached without a proxy whatever the environment says.
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment},
		Timeout:   time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a redirect is an answer, and a wrong one
		},
	}}
	defer p.http.CloseIdleConnections()
	var sum Summary
	began := time.Now()
	for _, step := range steps {
		start := time.Now()
		answer, err := step.run(ctx, p)
		if errors.Is(err, ErrNoToken) {
			report(Result{Step: step, Answer: err.Error(), Skipped: true})
			continue
		}
		if err != nil {
			if ctx.Err() != nil { // nothing is said of the stack
				err = context.Cause(ctx)
			}
			return sum, fmt.Errorf("%s: %w", step.Name, err)
		}
		if step.Refusal {
			sum.Refusals++
		} else {
			sum.Steps++
		}
		sum.Took = time.Since(began)
		report(Result{Step: step, Answer: answer, Took: time.Since(start)})
	}
	return sum, nil
}
