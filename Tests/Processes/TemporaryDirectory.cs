namespace OrleansLog.Tests.Processes;

/// <summary>
/// A directory of its own for a test, deleted with all it holds; kept where <c>ORLEANSLOG_PROOF_KEEP</c> is set, to be looked into.
/// </summary>
public sealed class TemporaryDirectory : IDisposable
{
    public TemporaryDirectory() => Path = Directory.CreateTempSubdirectory("orleanslog-test-").FullName;

    public string Path { get; }

    public string this[string name] => System.IO.Path.Combine(Path, name);

    public void Dispose()
    {
        if (Environment.GetEnvironmentVariable("ORLEANSLOG_PROOF_KEEP") is null) Directory.Delete(Path, recursive: true);
    }
}
