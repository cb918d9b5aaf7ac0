namespace FedSpine.Bench.Fuzzing;

/// <summary>A parser and valid files for it.</summary>
/// <param name="Name">As it is called in reports.</param>
/// <param name="Seeds">Folders of files, made once; each case is a folder with one file of it damaged.</param>
/// <param name="Parse">Reads the file (in its folder) and uses what it says; throws an InputException that names the file, or succeeds.</param>
internal sealed record FuzzParser(string Name, IReadOnlyList<FuzzSeed> Seeds, Action<string> Parse);

/// <param name="File">The file that is damaged.</param>
/// <param name="Beside">Files that lie beside it, whole.</param>
internal sealed record FuzzSeed(string File, byte[] Content, params (string File, byte[] Content)[] Beside);

/// <summary>What one parser made of its damaged files.</summary>
internal sealed record FuzzResult(string Name, int Mutations, int Accepted, int Refused, TimeSpan WorstTime, long WorstBytes, IReadOnlyList<string> Failures);
