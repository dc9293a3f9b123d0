using System.Globalization;
using System.Text;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// The file <c>meta.properties</c> in Kafka's format, version 1: a Java properties file with <c>version</c>, <c>cluster.id</c>
/// and <c>node.id</c> (and <c>directory.id</c>, which is Kafka's affair and ignored here).
/// </summary>
internal static class MetaProperties
{
    public const string FileName = "meta.properties";
    private const string Version = "1";

    public static byte[] Format(DataDirectoryIdentity identity) => Encoding.UTF8.GetBytes(
        string.Create(CultureInfo.InvariantCulture, $"version={Version}\ncluster.id={identity.ClusterId}\nnode.id={identity.NodeId}\n"));

    /// <exception cref="OrleansLogException">The file is not of the format.</exception>
    public static DataDirectoryIdentity Parse(byte[] content, string path)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in Encoding.UTF8.GetString(content).Split('\n'))
        {
            var text = line.Trim();
            if (text.Length == 0 || text[0] is '#' or '!') continue;
            var equals = text.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0) values[text[..equals].Trim()] = text[(equals + 1)..].Trim();
        }

        var version = Required(values, "version", path);
        if (version != Version) throw Broken(path, $"version is '{version}', only {Version} is understood");
        var nodeId = Required(values, "node.id", path);
        return int.TryParse(nodeId, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? new DataDirectoryIdentity(Required(values, "cluster.id", path), id)
            : throw Broken(path, $"node.id is '{nodeId}', not a number from 0 to {int.MaxValue}");
    }

    private static string Required(Dictionary<string, string> values, string name, string path) =>
        values.TryGetValue(name, out var value) && value.Length > 0 ? value : throw Broken(path, $"{name} is missing");

    private static OrleansLogException Broken(string path, string what) => new(
        ErrorCode.KafkaStorageError,
        $"'{path}' does not tell whose data this directory holds: {what}. Restore the file or use another directory.");
}
