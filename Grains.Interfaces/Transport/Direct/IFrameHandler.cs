namespace OrleansLog.Grains.Interfaces.Transport.Direct;

/// <summary>Hears what a <see cref="FrameSocket"/> receives, on the one thread that receives there.</summary>
internal interface IFrameHandler
{
    /// <summary>
    /// A frame has come. Nothing else is received before this returns.
    /// </summary>
    /// <param name="frame">What was sent, without its length; gone when this returns.</param>
    /// <param name="isLast">Whether nothing more has come yet, so that nobody waits for this thread.</param>
    /// <exception cref="InvalidDataException">It is not of this protocol; the connection is closed.</exception>
    void OnFrame(ReadOnlyMemory<byte> frame, bool isLast);

    /// <summary>The connection is closed, and nothing that was handed to it is used any more. Called once.</summary>
    void OnClosed(Exception reason);
}
