namespace OrleansLog.Grains.Interfaces.Transport.Direct;

/// <summary>What the connecting side wants.</summary>
internal enum DirectRole : byte
{
    /// <summary>A node that pushes to replicas.</summary>
    Leader = 1,

    /// <summary>A client that produces.</summary>
    Producer = 2,
}

/// <summary>
/// The first frames of a direct connection: one side says who it takes the other for, and the other whether it is that, and willing.
/// <code>
/// greeting  1  version:1  role:1  cluster id:text  who is meant:text
/// welcome   2  version:1  why not:text, empty for welcome
/// </code>
/// A leader names the cluster id of the data directories and the silo, a producer Orleans' cluster id and service id.
/// </summary>
/// <param name="Version">The version of all frames.</param>
/// <param name="Role">What the connection is for.</param>
/// <param name="ClusterId">The cluster.</param>
/// <param name="Meant">Who the other side is taken for.</param>
internal readonly record struct DirectGreeting(byte Version, DirectRole Role, string ClusterId, string Meant)
{
    /// <summary>The version spoken here.</summary>
    public const byte CurrentVersion = 1;

    /// <summary>Neither frame is longer.</summary>
    public const int MaxBytes = 3 + (2 * FrameWriter.MaxTextBytes);

    private const byte Greeting = 1, Welcome = 2;

    public static DirectGreeting Read(ReadOnlySpan<byte> frame)
    {
        var reader = new FrameReader(frame, Greeting);
        return new DirectGreeting(reader.Byte(), (DirectRole)reader.Byte(), reader.Text(), reader.Text());
    }

    public byte[] ToFrame()
    {
        var writer = new FrameWriter(stackalloc byte[MaxBytes]);
        writer.Byte(Greeting);
        writer.Byte(Version);
        writer.Byte((byte)Role);
        writer.Text(ClusterId);
        writer.Text(Meant);
        return writer.Written.ToArray();
    }

    /// <summary>The answer; <paramref name="whyNot"/> is empty for a welcome.</summary>
    public static byte[] Answer(string whyNot)
    {
        var writer = new FrameWriter(stackalloc byte[MaxBytes]);
        writer.Byte(Welcome);
        writer.Byte(CurrentVersion);
        writer.Text(whyNot);
        return writer.Written.ToArray();
    }

    /// <summary>Why the other side refuses; empty for a welcome.</summary>
    public static string ReadAnswer(ReadOnlySpan<byte> frame)
    {
        var reader = new FrameReader(frame, Welcome);
        _ = reader.Byte();
        return reader.Text();
    }
}
