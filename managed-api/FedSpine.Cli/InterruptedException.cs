namespace FedSpine.Cli;

/// <summary>The user stopped the work; the message says what is kept and how to go on.</summary>
internal sealed class InterruptedException(string message) : Exception(message);
