using OrleansLog.Grains.Interfaces.Transport.Direct;

namespace OrleansLog.Grains.Direct;

/// <summary>Serves direct connections of one role.</summary>
internal interface IDirectService
{
    /// <summary>The role of who connects.</summary>
    DirectRole Role { get; }

    /// <summary>Why a connection with this greeting is refused; null when it is welcome.</summary>
    string? WhyNot(DirectGreeting greeting);

    /// <summary>Takes a connection that was welcomed; what it hears comes on the connection's own thread.</summary>
    IFrameHandler Serve(FrameSocket connection);
}
