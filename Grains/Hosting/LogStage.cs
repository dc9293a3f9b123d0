namespace OrleansLog.Grains.Hosting;

/// <summary>
/// When the parts of the log start within a silo's life; they stop in the opposite order. The first ones start before the silo opens
/// a port, so that a silo that cannot have its data directory never answers anybody, and stop after its grains are gone.
/// </summary>
internal static class LogStage
{
    /// <summary>The data directory is locked and the log manager opened.</summary>
    public const int DataDirectory = ServiceLifecycleStage.RuntimeInitialize - 30;

    /// <summary>The metadata store is opened and its schema made; the stage after it reads its queries.</summary>
    public const int MetadataStore = ServiceLifecycleStage.RuntimeInitialize - 20;

    /// <summary>Leaderships are handed over when this stops, before anything else of the silo does: calls still come and go.</summary>
    public const int Leaderships = ServiceLifecycleStage.Active + 1;

    /// <summary>Its stop begins the silo's: replicas say from then on that they are about to go.</summary>
    public const int Presence = Leaderships + 1;
}
