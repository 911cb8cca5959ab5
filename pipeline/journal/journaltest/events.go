package journaltest

import (
	"encoding/json"
	"time"

	"github.com/penstock/penstock/artifact"
	"github.com/penstock/penstock/gate"
	"github.com/penstock/penstock/pipeline/journal"
)

// Events returns an event of each kind, with every field filled. They are not
// the story of a run. The last is of kind [journal.Archived], which Append does not
// take. The caller may change them.
func Events() []journal.Event {
	day := time.Date(2026, 3, 29, 1, 59, 59, 123456789, time.UTC)
	image := artifact.Artifact{
		Name:      "image",
		MediaType: "application/vnd.oci.image.manifest.v1+json",
		Digest:    artifact.DigestBytes([]byte("image")),
		Size:      5,
		URI:       "registry.example/shop?a=<b>&c=\u2028",
	}
	set := artifact.Set{"image": image}
	digest := artifact.DigestBytes([]byte("definition"))
	reason := &journal.Reason{Text: "smoke test: 3 of 40 failed", Stack: "goroutine 1 [running]:\n\tmain.go:1"}
	pass := &journal.Pass{Text: "2 of 2 approved", Lapses: day.Add(time.Hour), Subject: digest}

	events := []journal.Event{
		{Kind: journal.Began, Data: &journal.Beginning{
			Pipeline: "shop", Definition: digest, Cause: "change", Actor: "ada", ActorKind: "user",
			Authors: []string{"ada", "brian"}, Params: map[string]string{"region": "eu"}, Artifacts: set, Seed: 1<<64 - 1,
		}},
		{Kind: journal.Claimed},
		{Kind: journal.Released},
		{Kind: journal.Called, Data: &journal.Call{Attempt: 1, Key: "run/deploy/1", Token: 7, Input: digest}},
		{Kind: journal.Again, Data: &journal.Pause{Until: day.Add(time.Minute), Summary: "30 %", State: json.RawMessage(`{"traffic":30}`)}},
		{Kind: journal.Held, Data: reason},
		{Kind: journal.Erred, Data: &journal.Fault{Text: "connection refused", Retry: day.Add(time.Second), Stack: "goroutine 1"}},
		{Kind: journal.Done, Data: &journal.Result{
			Summary: "deployed", Artifacts: []artifact.Artifact{image},
			Values: map[string]json.RawMessage{"url": json.RawMessage(`"https://shop.example"`)}, Observed: true,
		}},
		{Kind: journal.Failed, Data: reason},
		{Kind: journal.Waiting, Data: &journal.Wait{For: "approval", Text: "1 of 2", Recheck: day.Add(time.Hour), Subject: digest}},
		{Kind: journal.Voted, Data: &gate.Vote{
			ID: "v1", By: "ada", Groups: []string{"release"}, Approve: true, Comment: "läuft 🚀", At: day, Subject: digest,
		}},
		{Kind: journal.Passed, Data: pass},
		{Kind: journal.Permitted, Data: pass},
		{Kind: journal.Rejected, Data: &journal.Rejection{Text: "nobody answered", Expired: true}},
		{Kind: journal.Withdrawn, Data: reason},
		{Kind: journal.Chosen, Data: &journal.Choice{Take: true, Text: "there are migrations"}},
		{Kind: journal.Listed, Data: &journal.List{Items: []string{"eu", "us"}}},
		{Kind: journal.Took, Data: &journal.Entry{Environment: "production", Token: 7, Previous: set}},
		{Kind: journal.Left, Data: &journal.Exit{Environment: "production", Queued: true}},
		{Kind: journal.Stopped, Data: reason},
		{Kind: journal.Superseded, Data: &journal.Successor{Run: "run-2"}},
		{Kind: journal.Retried, Data: reason},
		{Kind: journal.Overridden, Data: reason},
		{Kind: journal.Adopted, Data: &journal.Adoption{Definition: digest, Text: "a stage more"}},
		{Kind: journal.Drained, Data: reason},
		{Kind: journal.Ended, Data: &journal.End{Status: "failed", Text: "smoke failed"}},
		{Kind: journal.Queued, Data: &journal.Arrival{Started: day}},
		{Kind: journal.Quit},
		{Kind: journal.Taken, Data: &journal.Hold{Token: 7, Started: day}},
		{Kind: journal.Given, Data: &journal.Departure{Succeeded: true}},
		{Kind: journal.Changed, Data: &journal.Live{Artifacts: set, Traffic: 30, Back: true}},
		{Kind: journal.Restored, By: "ada", Data: &journal.Restoration{Fence: 1_000_008, Text: "backup of Monday"}},
		{Kind: journal.Archived, Data: &journal.Archival{Events: 12, Digest: digest, Fence: 7, Pipeline: "shop", Status: "succeeded", Place: "2026.jsonl"}},
	}
	for i := range events {
		events[i].Time = day.Add(time.Duration(i) * time.Second)
		events[i].Step, events[i].By, events[i].Epoch = "smoke", "ada", 3
	}
	return events
}

// appended returns those of Events that Append takes.
func appended() []journal.Event {
	all := Events()
	return all[:len(all)-1]
}
