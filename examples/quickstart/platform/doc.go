// Package platform is a small production platform on one machine. It shows how
// a pipeline is taught to deploy somewhere: by implementing stage.Deployer.
//
// The platform is a process of its own, as a cluster is: it goes on serving
// when the release tool is killed. For each environment it has a front door, a
// reverse proxy at a URL that stays the same, which splits the requests exactly
// by percent between processes of different artifacts and measures how each
// version answers. [Serve] is that process, [Client] is the Deployer that asks
// it, and starts it if it does not run.
//
// What runs where is kept in a file in the platform's directory. Whoever lost
// sight of the platform finds it there, so that no process is started twice; a
// platform that was killed brings back what was live. A process ends when the
// platform does, so that none is left behind.
package platform
