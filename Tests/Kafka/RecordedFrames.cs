using System.Globalization;

namespace OrleansLog.Tests.Kafka;

/// <summary>Requests as real clients sent them; one line each: client, API key, version, bytes in hexadecimal digits.</summary>
internal static class RecordedFrames
{
    public static IReadOnlyList<Frame> All { get; } =
    [
        .. File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Kafka", "Frames", "frames.txt")).Select(static line =>
        {
            var parts = line.Split(' ');
            return new Frame(
                parts[0],
                short.Parse(parts[1], CultureInfo.InvariantCulture),
                short.Parse(parts[2], CultureInfo.InvariantCulture),
                Convert.FromHexString(parts[3]));
        }),
    ];

    public sealed record Frame(string Client, short ApiKey, short ApiVersion, byte[] Bytes);
}
