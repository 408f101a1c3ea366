global using Xunit;

// The commands write to the console, of which a process has one.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
[assembly: AssemblyFixture(typeof(Mazij.Cli.Tests.TinyRun))]
