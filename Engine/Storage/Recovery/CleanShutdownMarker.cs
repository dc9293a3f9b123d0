using System.Text;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// The file <c>.kafka_cleanshutdown</c>: there from an orderly stop to the next start. The name and the form are Kafka's.
/// </summary>
internal static class CleanShutdownMarker
{
    private const string FileName = ".kafka_cleanshutdown";

    /// <summary>Whether the last stop was orderly; the mark is gone, durably, when the call returns.</summary>
    public static bool Take(IFileSystem fileSystem, string dataDirectory)
    {
        var path = Path.Combine(dataDirectory, FileName);
        if (!fileSystem.FileExists(path)) return false;
        fileSystem.DeleteFile(path);
        fileSystem.FlushDirectory(dataDirectory);
        return true;
    }

    public static void Put(IFileSystem fileSystem, string dataDirectory) => fileSystem.WriteAllBytesDurably(
        Path.Combine(dataDirectory, FileName), Encoding.ASCII.GetBytes("""{"version":0,"brokerEpoch":-1}"""));
}
