using Xunit;

namespace OrleansLog.Tests.Kafka.Clients;

/// <summary>kafkajs, as <c>npm ci</c> in <c>Tests/Kafka/Clients/node</c> installs it.</summary>
internal static class KafkaJs
{
    private static readonly Lazy<string> Folder = new(static () =>
    {
        for (var directory = AppContext.BaseDirectory; directory is not null; directory = Path.GetDirectoryName(directory))
        {
            if (File.Exists(Path.Combine(directory, "OrleansLog.sln")))
                return Path.Combine(directory, "Tests", "Kafka", "Clients", "node");
        }

        throw new DirectoryNotFoundException("The tests do not run within the repository.");
    });

    public static bool IsThere => Directory.Exists(Path.Combine(Folder.Value, "node_modules", "kafkajs")) && RealClient.Has("node", "--version");

    public static Task<string> RunAsync(string script, params string[] arguments) =>
        RealClient.RunAsync("node", [Path.Combine(Folder.Value, script), .. arguments]);
}

/// <summary>A test that needs kafkajs.</summary>
public sealed class KafkaJsFactAttribute : FactAttribute
{
    private static readonly Lazy<bool> IsThere = new(static () => KafkaJs.IsThere);

    public KafkaJsFactAttribute()
    {
        if (!IsThere.Value) Skip = "kafkajs is not installed (Node.js, and `npm ci` in Tests/Kafka/Clients/node).";
    }
}
