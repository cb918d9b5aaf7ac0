using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;

namespace FedSpine.Federated.Aggregation;

/// <summary>One participant's contribution.</summary>
/// <param name="Device">Device number.</param>
/// <param name="Weight">Unnormalised weight, usually the number of training examples.</param>
/// <param name="State">Its adapter and head.</param>
public sealed record AdapterUpdate(int Device, double Weight, AdapterState State)
{
    /// <summary>False when training diverged and the update would poison everybody's.</summary>
    public bool IsFinite =>
        State.Modules.All(m => UpdateCheck.AllFinite(m.A) && UpdateCheck.AllFinite(m.B)) && State.Head.Values.All(UpdateCheck.AllFinite);
}

/// <summary>
/// The coordinator's adapter over the unpruned base: modules with Rows and Columns null and Scale 1, of whatever rank the rule
/// needs; and the head.
/// </summary>
public sealed record GlobalAdapter(AdapterState State)
{
    /// <summary>Nothing learned yet: no modules, the given head.</summary>
    public static GlobalAdapter Empty(IReadOnlyDictionary<string, float[]> head) => new(new AdapterState([], head));
}

/// <summary>Merges adapters of different ranks and kept rows and columns.</summary>
public interface IAggregator
{
    string Name { get; }

    /// <summary>
    /// True when the global adapter is folded into the device's frozen weights and the device starts from a fresh adapter (FLoRA);
    /// false when the device continues from the cut global adapter.
    /// </summary>
    bool FoldsIntoBase { get; }

    /// <summary>The next global adapter. No updates: the previous one.</summary>
    /// <param name="error">Frobenius norm of what averaging A and B separately would have got wrong, summed over modules: || sum p_k (B_k - mean B)(A_k - mean A) ||.</param>
    /// <exception cref="Engine.InputException">Updates that contradict each other, or with values that are not finite; check <see cref="AdapterUpdate.IsFinite"/> first to leave out a device that diverged.</exception>
    GlobalAdapter Aggregate(GlobalAdapter previous, IReadOnlyList<AdapterUpdate> updates, out double error);

    /// <summary>
    /// The device's share: rows and columns it still has, truncated to <paramref name="rank"/>, with the given scale. When the global
    /// adapter has no module (first round), returns null: the device initialises its own. Where <see cref="FoldsIntoBase"/> is true the
    /// share is what the device adds to its frozen base, and it is not truncated. May be called from many threads at once.
    /// </summary>
    AdapterState? Cut(GlobalAdapter global, IReadOnlyList<AdapterShape> shapes, int rank);

    /// <summary>The same without truncation: what is merged into the device's weights, where a rank costs nothing. Null before the first round.</summary>
    AdapterState? Cut(GlobalAdapter global, IReadOnlyList<AdapterShape> shapes);
}

/// <summary>Where a device's adapter module sits in the base; see <see cref="AdapterModule"/>.</summary>
public sealed record AdapterShape(string Module, float Scale, int BaseRows, int BaseColumns, int[]? Rows, int[]? Columns);
