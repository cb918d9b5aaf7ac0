namespace FedSpine.Cli;

/// <summary>Every verb of the tool, in the order of the help.</summary>
internal static class Verbs
{
    /// <param name="simulate">What <c>simulate</c> runs; tests pass their own.</param>
    /// <param name="pretrain">What <c>pretrain</c> runs.</param>
    public static IVerb[] Create(Terminal terminal, SimulateRun simulate, PretrainRun pretrain) =>
    [
        new SimulateVerb(terminal, simulate),
        new CompareVerb(terminal, simulate),
        TuneVerb.Finetune(terminal),
        TuneVerb.Prune(terminal),
        new EvaluateVerb(terminal),
        new GenerateVerb(terminal),
        new InspectVerb(terminal),
        new PretrainVerb(terminal, pretrain),
        new ProfileVerb(terminal),
        new DevicesVerb(terminal),
        new ExportVerb(terminal),
    ];
}
