package main

func Example() {
	main()
	// Output:
	// publish waits: 0 of 1 approvals from ben
	// ben approves "Hello, world!"
	// Hello, world!
	// the run has succeeded
}
