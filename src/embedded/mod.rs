mod fault;
mod intake;
