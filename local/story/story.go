// Package story is what Airlock is for, as a list of steps that can be played
// against a running stack, embedded or on AWS: a file goes in by one door and
// comes out by the other, and everything else is refused.
//
// The steps know the product by its wire contract alone. They are safe to play
// again and again: each playing works on keys of its own.
package story

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Target is the stack the story is played against.
type Target struct {
	API string // https://….execute-api.….amazonaws.com
	CDN string // https://….cloudfront.net

	// Token gets an access token for a user.
	Token func(ctx context.Context, subject string, scopes ...string) (string, error)
	// Recorded says whether the catalog has a row for a key.
	Recorded func(ctx context.Context, objectKey string) (bool, error)

	// Operator is an S3 client with an operator's permissions.
	Operator     *s3.Client
	Bucket       string
	ReadAnyScope string
}

// Step is one thing that must happen, or one that must be refused.
type Step struct {
	Name    string
	Refusal bool
	// run returns what was answered, in a few words, or an error at the first
	// deviation.
	run func(context.Context, *player) (string, error)
}

// Result is a step that was played and held.
type Result struct {
	Step
	Answer string
	Took   time.Duration
}

// Summary counts what held.
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

// Play runs steps in order, reports each, and stops at the first deviation.
func Play(ctx context.Context, t Target, steps []Step, report func(Result)) (Summary, error) {
	p := &player{Target: t, http: &http.Client{
		Transport: &http.Transport{}, // no proxy between the story and its stack
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
		if err != nil {
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
